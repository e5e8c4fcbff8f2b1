#include "verify/files_hash.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/parallel.h"

namespace mlc {
namespace {

// Telling the reporter, and looking for Ctrl-C, costs nothing at this distance.
constexpr std::uint64_t kTell = std::uint64_t{4} << 20;
// How far in front of what is read the system is asked for data: the streams of 32 files would make
// a disk seek for each 32 KiB.
constexpr std::uint64_t kAhead = std::uint64_t{2} << 20;

// The files of one thread.
class Group {
 public:
  Group(std::vector<FileHash*> files, Reporter& reporter)
      : files_(std::move(files)), open_(files_.size()), reporter_(reporter) {}

  void run() {
    std::vector<Md5Source> streams;
    for (const FileHash* file : files_)
      streams.push_back({file->size});
    std::vector<Md5Digest> digests = md5_many(
        streams,
        [](void* self, std::size_t stream, std::uint64_t offset, std::span<std::byte> out) {
          static_cast<Group*>(self)->read(stream, offset, out);
        },
        this);
    reporter_.advance(untold_);
    for (std::size_t i = 0; i < files_.size(); i++) {
      if (!files_[i]->error.empty()) continue;
      files_[i]->md5 = hex(digests[i]);
      // An empty file is never read.
      if (files_[i]->wants_sha256 && files_[i]->sha256.empty())
        files_[i]->sha256 = hex(Sha256().finish());
    }
  }

 private:
  struct Open {
    InputFile file;
    std::unique_ptr<Sha256> sha256;
  };

  void read(std::size_t stream, std::uint64_t offset, std::span<std::byte> out) {
    FileHash& file = *files_[stream];
    tell(out.size());
    if (file.error.empty()) {
      try {
        read_part(file, open_[stream], offset, out);
        return;
      } catch (const Error& error) {
        file.error = error.what();
        open_[stream].reset();
      }
    }
    // The other streams go on; what this one hashes is not used.
    std::memset(out.data(), 0, out.size());
  }

  static void read_part(FileHash& file, std::unique_ptr<Open>& open, std::uint64_t offset,
                        std::span<std::byte> out) {
    if (open == nullptr) {
      open = std::make_unique<Open>(Open{InputFile(file.path), nullptr});
      if (open->file.size() != file.size)
        fail(ExitCode::kIo, "{}: the file had {} bytes and now has {}", printable(file.path, 1024),
             file.size, open->file.size());
      if (file.wants_sha256) open->sha256 = std::make_unique<Sha256>();
    }
    if (offset % kAhead < out.size()) open->file.will_need(offset, 2 * kAhead);
    open->file.read(offset, out);
    if (open->sha256) open->sha256->update(out);
    if (offset + out.size() < file.size) return;
    if (open->sha256) file.sha256 = hex(open->sha256->finish());
    open.reset();
  }

  void tell(std::uint64_t bytes) {
    untold_ += bytes;
    if (untold_ < kTell) return;
    throw_if_cancelled();
    reporter_.advance(untold_);
    untold_ = 0;
  }

  std::vector<FileHash*> files_;
  std::vector<std::unique_ptr<Open>> open_;
  Reporter& reporter_;
  std::uint64_t untold_ = 0;
};

// As many groups as threads, of about equal bytes: each file goes to the group that has least.
std::vector<std::vector<FileHash*>> groups_of(std::vector<FileHash>& files, unsigned threads) {
  std::vector<FileHash*> by_size;
  by_size.reserve(files.size());
  for (FileHash& file : files)
    by_size.push_back(&file);
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const FileHash* a, const FileHash* b) { return a->size > b->size; });
  std::vector<std::vector<FileHash*>> groups(std::min<std::size_t>(threads, files.size()));
  std::vector<std::uint64_t> bytes(groups.size());
  for (FileHash* file : by_size) {
    auto least =
        static_cast<std::size_t>(std::min_element(bytes.begin(), bytes.end()) - bytes.begin());
    groups[least].push_back(file);
    bytes[least] += file->size;
  }
  return groups;
}

}  // namespace

void hash_files(std::vector<FileHash>& files, unsigned threads, Reporter& reporter) {
  if (threads == 0) threads = default_threads();
  std::vector<std::vector<FileHash*>> groups = groups_of(files, threads);
  parallel_for(threads, groups.size(),
               [&](std::size_t i, unsigned) { Group(std::move(groups[i]), reporter).run(); });
}

}  // namespace mlc
