#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "package/oci/blob_file.h"
#include "package/oci/layout_writer_state.h"
#include "package/temporary_name.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = std::size_t{1} << 20;

std::string parent_of(const std::string& path) {
  std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

std::optional<std::uint64_t> regular_size(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

void MadeFolders::make(const std::string& path) {
  std::vector<std::string> missing;
  struct stat status {};
  for (std::string at = path; ::stat(at.c_str(), &status) != 0; at = parent_of(at)) {
    if (errno != ENOENT) io_error(at, "stat", errno);
    missing.push_back(at);
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (::mkdir(at->c_str(), 0777) == 0)
      made_.push_back(*at);
    else if (errno != EEXIST)  // another process may make the same folder
      io_error(*at, "create folder", errno);
  }
  if (::stat(path.c_str(), &status) != 0) io_error(path, "open folder", errno);
  if (!S_ISDIR(status.st_mode))
    fail(ExitCode::kUsage, "{}: is a file, expected a folder to write a package into",
         printable(path, 1024));
}

void MadeFolders::sync_parents() const {
  for (const std::string& path : made_)
    sync_folder(parent_of(path));
}

void MadeFolders::remove() {
  for (auto path = made_.rbegin(); path != made_.rend(); ++path)
    ::rmdir(path->c_str());
  made_.clear();
}

// A folder of something else is not made a package by mistake.
void LayoutWriter::State::check_folder() const {
  if (is_layout(path)) return;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name != ".mlc-partial" && name != "blobs" && name != "lost+found")
      fail(ExitCode::kUsage, "{}: holds '{}' and is no package: name a new or an empty folder",
           printable(path, 1024), printable(name));
  }
  if (error) io_error(path, "list", error.value());
}

// The lock is held: no other writer of this folder is alive, unless locks do not work here.
void LayoutWriter::State::remove_leftovers() const {
  std::error_code error;
  for (fs::directory_iterator it(lock->folder(), error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (is_lock_name(name) || name.starts_with(kDownloadPrefix) ||
        is_partial_of_living_process(name))
      continue;
    std::error_code ignored;
    fs::remove_all(it->path(), ignored);
  }
}

bool LayoutWriter::State::has_right_bytes(const Descriptor& expected) const {
  std::string file_path = blob(expected.digest);
  if (regular_size(file_path) != expected.size) return false;
  InputFile file(file_path);
  Sha256 hash;
  std::vector<std::byte> block(
      static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, file.size())));
  for (std::uint64_t at = 0; at < file.size();) {
    throw_if_cancelled();
    auto piece = std::span(block).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), file.size() - at)));
    file.read(at, piece);
    hash.update(piece);
    at += piece.size();
  }
  return Digest(hash.finish()) == expected.digest;
}

// By rename also over a blob that is there: these bytes are known to be good.
void LayoutWriter::State::place(const std::string& partial_path, const Digest& digest,
                                std::uint64_t size, bool is_download) {
  std::lock_guard guard(mutex);
  std::string to = blob(digest);
  bool was_there = regular_size(to) == size;
  rename_file(partial_path, to);
  if (!was_there) {
    if (new_blobs.insert(digest).second) written += size;
    if (is_download) downloaded.insert(digest);
  }
  good[digest] = size;
}

void LayoutWriter::State::roll_back() {
  for (const Digest& digest : new_blobs) {
    bool back = keep_downloads && downloaded.count(digest) > 0 &&
                std::rename(blob(digest).c_str(), download(digest).c_str()) == 0;
    if (!back) ::unlink(blob(digest).c_str());
  }
  if (!keep_downloads) {
    std::error_code error;
    std::vector<fs::path> files;
    for (fs::directory_iterator it(lock->folder(), error), end; !error && it != end;
         it.increment(error))
      if (it->path().filename().string().starts_with(kDownloadPrefix)) files.push_back(it->path());
    for (const fs::path& file : files)
      fs::remove(file, error);
  }
  lock->release();
  made.remove();
}

LayoutWriter::LayoutWriter(const std::string& path, unsigned wait_seconds,
                           const std::function<void(const std::string&)>& note)
    : state_(std::make_unique<State>()) {
  state_->path = without_final_slashes(path);
  try {
    state_->made.make(state_->path);
    state_->check_folder();
    // Another writer that fails takes the folder it made with it, perhaps just now.
    state_->lock.emplace(state_->path, wait_seconds, note);
    state_->check_folder();
    state_->remove_leftovers();
    state_->made.make(state_->blobs());
  } catch (...) {
    state_->lock.reset();
    state_->made.remove();
    throw;
  }
}

LayoutWriter::~LayoutWriter() {
  if (!state_->committed) state_->roll_back();
}

const std::string& LayoutWriter::path() const { return state_->path; }

bool LayoutWriter::holds(const Descriptor& blob) const {
  {
    std::lock_guard guard(state_->mutex);
    auto found = state_->good.find(blob.digest);
    if (found != state_->good.end()) return found->second == blob.size;
  }
  if (!state_->has_right_bytes(blob)) return false;
  std::lock_guard guard(state_->mutex);
  state_->good[blob.digest] = blob.size;
  return true;
}

Index LayoutWriter::index() const {
  std::string file = state_->path + "/index.json";
  return regular_size(file) ? parse_index(read_file(file, kMaxManifest), printable(file, 1024))
                            : Index{};
}

std::string LayoutWriter::read(const Descriptor& blob, std::uint64_t max_bytes) const {
  std::string file = state_->blob(blob.digest);
  std::string text = read_file(file, max_bytes);
  if (text.size() != blob.size || Digest::of(text) != blob.digest)
    fail(ExitCode::kVerify, "{}: its {} bytes have the digest {}, expected {} bytes",
         printable(file, 1024), text.size(), Digest::of(text).text(), blob.size);
  return text;
}

Descriptor LayoutWriter::add(std::string_view media_type, std::string_view bytes) {
  Descriptor blob = descriptor_of(media_type, bytes);
  if (holds(blob)) return blob;
  std::unique_ptr<Blob> file = begin(bytes.size());
  file->write(std::as_bytes(std::span(bytes)));
  return file->finish(blob);
}

std::unique_ptr<LayoutWriter::Blob> LayoutWriter::begin(std::uint64_t size) {
  State& state = *state_;
  return std::make_unique<BlobFile>(
      state.partial(unique_partial_name()), size, false,
      BlobHooks{[&state](const std::string& path, const Digest& digest, std::uint64_t bytes) {
                  state.place(path, digest, bytes, false);
                },
                nullptr});
}

std::unique_ptr<LayoutWriter::Blob> LayoutWriter::resume(const Descriptor& expected) {
  State& state = *state_;
  {
    std::lock_guard guard(state.mutex);
    if (!state.downloads.insert(expected.digest).second)
      fail(ExitCode::kBug, "{} is being downloaded twice", expected.digest.text());
  }
  auto done = [&state, digest = expected.digest] {
    std::lock_guard guard(state.mutex);
    state.downloads.erase(digest);
  };
  try {
    return std::make_unique<BlobFile>(
        state.download(expected.digest), expected.size, true,
        BlobHooks{[&state](const std::string& path, const Digest& digest, std::uint64_t bytes) {
                    state.place(path, digest, bytes, true);
                  },
                  done});
  } catch (...) {
    done();
    throw;
  }
}

void LayoutWriter::keep_downloads(bool keep) {
  std::lock_guard guard(state_->mutex);
  state_->keep_downloads = keep;
}

std::uint64_t LayoutWriter::written_bytes() const {
  std::lock_guard guard(state_->mutex);
  return state_->written;
}

}  // namespace mlc
