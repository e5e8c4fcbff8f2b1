#include "package/model_files.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/parallel.h"
#include "package/beneath.h"
#include "package/hub_link.h"
#include "package/model_files_parts.h"

namespace mlc {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

// A regular file, open for reading; what it is now.
int open_file(const std::string& folder, const std::string& name, Links links,
              struct stat& status) {
  std::string path = path_of(folder, name);
  UniqueFd root(open_folder_fd(folder));
  int fd = open_beneath_fd(root.get(), name, kReadFlags);
  if (fd < 0 && errno == ELOOP && links == Links::kHubSnapshot) {
    std::string cache = cache_of_snapshot(folder);
    std::string blob = cache.empty() ? "" : blob_of_link(root.get(), name);
    if (blob.empty()) refuse_open(path, ELOOP);
    UniqueFd blobs(open_folder_fd(cache + "/blobs"));
    fd = open_beneath_fd(blobs.get(), blob, kReadFlags);
  }
  // What open() says of a socket.
  if (fd < 0 && errno == ENXIO) bad_input("{}: is a socket or device", printable(path, 1024));
  if (fd < 0) refuse_open(path, errno);
  std::string_view problem;
  if (::fstat(fd, &status) != 0) {
    int why = errno;
    ::close(fd);
    io_error(path, "stat", why);
  }
  problem = kind_problem(status);
  if (!problem.empty()) {
    ::close(fd);
    bad_input("{}: is {}", printable(path, 1024), problem);
  }
  return fd;
}

// Fills `out`; how many bytes there were.
std::size_t read_at(int fd, const std::string& path, std::uint64_t offset,
                    std::span<std::byte> out) {
  std::size_t done = 0;
  for (int waits = 0; done < out.size();) {
    ssize_t n =
        ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN && waits++ < 1000) {
      ::usleep(1000);
      continue;
    }
    if (n < 0) io_error(path, "read", errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

class BeneathFile : public ByteSource {
 public:
  BeneathFile(std::string path, int fd, std::uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    std::size_t n = read_at(fd_.get(), path_, offset, out);
    if (n < out.size())
      fail(ExitCode::kIo, "{}: file ended early, at byte {}; was it changed?",
           printable(path_, 1024), offset + n);
  }

 private:
  std::string path_;
  UniqueFd fd_;
  std::uint64_t size_;
};

}  // namespace

InputFile open_beneath(const std::string& folder, const std::string& name, Links links) {
  struct stat status {};
  int fd = open_file(folder, name, links, status);
  std::string path = path_of(folder, name);
  return InputFile(path, std::make_shared<const BeneathFile>(
                             path, fd, static_cast<std::uint64_t>(status.st_size)));
}

ModelFileReader::ModelFileReader(const std::string& folder, const ModelFile& file, Links links)
    : path_(path_of(folder, file.name)), file_(file) {
  struct stat status {};
  fd_ = open_file(folder, file.name, links, status);
  try {
    check_unchanged();
  } catch (...) {
    ::close(fd_);
    throw;
  }
  ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

ModelFileReader::~ModelFileReader() { ::close(fd_); }

void ModelFileReader::read(std::uint64_t offset, std::span<std::byte> out) const {
  std::size_t n = read_at(fd_, path_, offset, out);
  if (n < out.size())
    fail(ExitCode::kIo, "{}: changed during packaging: it ends at byte {} now, it had {} bytes",
         printable(path_, 1024), offset + n, file_.size);
}

void ModelFileReader::check_unchanged() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) io_error(path_, "stat", errno);
  auto size = static_cast<std::uint64_t>(status.st_size);
  if (size != file_.size)
    fail(ExitCode::kIo, "{}: changed during packaging: it has {} bytes now, it had {}",
         printable(path_, 1024), size, file_.size);
  if (modified_ns(status) != file_.modified_ns)
    fail(ExitCode::kIo, "{}: changed during packaging: it was written to meanwhile",
         printable(path_, 1024));
}

Digest read_model_file(const std::string& folder, const ModelFile& file,
                       const std::function<void(std::span<const std::byte>)>& take, Links links) {
  ModelFileReader reader(folder, file, links);
  Sha256 hash;
  std::vector<std::byte> block(
      static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, file.size)));
  for (std::uint64_t at = 0; at < file.size;) {
    throw_if_cancelled();
    auto piece = std::span(block).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), file.size - at)));
    reader.read(at, piece);
    hash.update(piece);
    if (take) take(piece);
    at += piece.size();
  }
  reader.check_unchanged();
  return Digest(hash.finish());
}

std::vector<Digest> hash_model_files(const std::string& folder, std::span<const ModelFile> files,
                                     unsigned threads, Reporter& reporter, Links links) {
  std::uint64_t total = 0;
  for (const ModelFile& file : files)
    total += file.size;
  reporter.begin("hash", total);
  std::vector<Digest> digests(files.size());
  parallel_for(
      threads == 0 ? default_threads() : threads, files.size(), [&](std::size_t i, unsigned) {
        digests[i] = read_model_file(
            folder, files[i],
            [&](std::span<const std::byte> block) { reporter.advance(block.size()); }, links);
      });
  reporter.end();
  return digests;
}

}  // namespace mlc
