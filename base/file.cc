#include "base/file.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"

namespace mlc {
namespace {

// Calls a system call again while a signal interrupts it; gives its result or -1 with errno.
template <class Call>
auto uninterrupted(Call call) {
  for (;;) {
    auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// A regular file never says EAGAIN, but a network or user-space file system may. Waiting 1 ms a
// thousand times outlasts a hiccup and still ends.
constexpr int kMostWaits = 1000;

void wait_1ms() {
  timespec pause{0, 1'000'000};
  nanosleep(&pause, nullptr);
}

// Moves `size` bytes by repeated call(done, left), which returns as pread and pwrite do. Returns
// the number of bytes moved: less than `size` when a call moved nothing.
template <class Call>
std::size_t transfer(std::size_t size, const std::string& path, const char* what, Call call) {
  std::size_t done = 0;
  int waits = 0;
  while (done < size) {
    ssize_t n = uninterrupted([&] { return call(done, size - done); });
    if (n < 0 && errno == EAGAIN && waits++ < kMostWaits) {
      wait_1ms();
      continue;
    }
    if (n < 0) io_error(path, what, errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

constexpr auto kLargestOffset = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());

// The offset as the kernel takes it; nothing lies beyond 2^63 - 1.
off_t file_offset(const std::string& path, std::uint64_t offset, std::size_t size) {
  if (offset > kLargestOffset || size > kLargestOffset - offset)
    fail(ExitCode::kIo, "{}: offset {} + {} bytes is beyond what a file can hold",
         printable(path, 1024), offset, size);
  return static_cast<off_t>(offset);
}

void read_exactly(int fd, const std::string& path, std::uint64_t offset, std::span<std::byte> out) {
  off_t start = file_offset(path, offset, out.size());
  std::size_t done = transfer(out.size(), path, "read", [&](std::size_t at, std::size_t left) {
    return pread(fd, out.data() + at, left, start + static_cast<off_t>(at));
  });
  if (done < out.size())
    fail(ExitCode::kIo,
         "{}: file ended early: {} bytes at offset {} wanted, only {} there; was it changed?",
         printable(path, 1024), out.size(), offset, done);
}

// Closes `fd`, and the file is gone from our hands whatever close says: on Linux the descriptor is
// free even after EINTR.
void close_quietly(int fd) {
  if (fd >= 0) ::close(fd);
}

int open_regular(const std::string& path, int flags, struct stat& status) {
  // O_NONBLOCK: opening a FIFO without a writer would wait for ever; regular files ignore it.
  int fd =
      uninterrupted([&] { return open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); });
  if (fd < 0) io_error(path, "open", errno);
  if (fstat(fd, &status) != 0) {
    int error = errno;
    close_quietly(fd);
    io_error(path, "stat", error);
  }
  if (!S_ISREG(status.st_mode)) {
    close_quietly(fd);
    fail(ExitCode::kIo, "{}: is {}, expected a regular file", printable(path, 1024),
         S_ISDIR(status.st_mode)    ? "a folder"
         : S_ISFIFO(status.st_mode) ? "a FIFO"
         : S_ISSOCK(status.st_mode) ? "a socket"
                                    : "a device");
  }
  return fd;
}

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
  struct stat status {};
  fd_ = open_regular(path, O_RDONLY, status);
  size_ = static_cast<std::uint64_t>(status.st_size);
}
InputFile::InputFile(std::string name, std::shared_ptr<const ByteSource> source)
    : path_(std::move(name)), size_(source->size()), source_(std::move(source)) {}
InputFile::~InputFile() { close_quietly(fd_); }
InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      source_(std::move(other.source_)) {}
InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(source_, other.source_);
  return *this;
}

void InputFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (source_) {
    if (offset > size_ || out.size() > size_ - offset)
      fail(ExitCode::kIo, "{}: file ended early: {} bytes at offset {} wanted, it has {}",
           printable(path_, 1024), out.size(), offset, size_);
    return source_->read(offset, out);
  }
  read_exactly(fd_, path_, offset, out);
}

void InputFile::will_need(std::uint64_t offset, std::uint64_t size) const {
  if (source_ || offset > kLargestOffset || size > kLargestOffset) return;
  posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(size), POSIX_FADV_WILLNEED);
}

OutputFile::OutputFile(const std::string& path, std::uint64_t size, Mode mode) : path_(path) {
  off_t length = file_offset(path, size, 0);
  if (mode == Mode::kCreate) {
    fd_ = uninterrupted(
        [&] { return open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644); });
    if (fd_ < 0) io_error(path, "create", errno);
  } else {
    struct stat status {};
    fd_ = open_regular(path, O_RDWR, status);
    if (status.st_size == length) return;
  }
  // Reserved space costs nothing: ext4 then writes 1 MiB blocks into the page cache 1.6 times as
  // fast (10.3 against 6.2 GB/s), as no block is reserved page by page. A file system that can't
  // reserve gets the size alone.
  bool reserve = mode == Mode::kCreate && length > 0;
  int result = reserve ? uninterrupted([&] { return fallocate(fd_, 0, 0, length); }) : 0;
  if (!reserve || (result != 0 && (errno == EOPNOTSUPP || errno == ENOSYS)))
    result = uninterrupted([&] { return ftruncate(fd_, length); });
  if (result != 0) {
    int error = errno;
    close_quietly(std::exchange(fd_, -1));
    if (mode == Mode::kCreate) unlink(path.c_str());
    io_error(path, "reserve space", error);
  }
}
OutputFile::~OutputFile() { close_quietly(fd_); }
OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

void OutputFile::write(std::uint64_t offset, std::span<const std::byte> data) {
  off_t start = file_offset(path_, offset, data.size());
  std::size_t done = transfer(data.size(), path_, "write", [&](std::size_t at, std::size_t left) {
    return pwrite(fd_, data.data() + at, left, start + static_cast<off_t>(at));
  });
  // pwrite of a regular file never returns 0 for a non-empty buffer; a broken file system might.
  if (done < data.size()) io_error(path_, "write", EIO);
}

void OutputFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  read_exactly(fd_, path_, offset, out);
}

void OutputFile::start_writeback() {
  // Only a hint: an error here comes again from fsync, which is what decides.
  static_cast<void>(sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE));
}

void OutputFile::sync() {
  if (uninterrupted([&] { return fsync(fd_); }) != 0) io_error(path_, "sync", errno);
}

void OutputFile::close() {
  int fd = std::exchange(fd_, -1);
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) io_error(path_, "close", errno);
}

std::string read_file(const std::string& path, std::uint64_t max_bytes) {
  InputFile file(path);
  if (file.size() > max_bytes)
    bad_input("{}: {} bytes, expected at most {}", printable(path, 1024), file.size(), max_bytes);
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

void sync_folder(const std::string& path) {
  int fd = uninterrupted([&] { return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) io_error(path, "open folder", errno);
  int result = uninterrupted([&] { return fsync(fd); });
  int error = errno;
  close_quietly(fd);
  // EINVAL: this file system has no sync of folders (some FUSE ones); there is nothing more to do.
  if (result != 0 && error != EINVAL) io_error(path, "sync folder", error);
}

void remove_file(const std::string& path) {
  if (unlink(path.c_str()) != 0) io_error(path, "can't remove", errno);
}

std::uint64_t file_size(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) io_error(path, "can't read its size", errno);
  return static_cast<std::uint64_t>(status.st_size);
}

void rename_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0)
    io_error(to, fmt::format("rename from {}", printable(from, 1024)), errno);
}

void write_file_atomically(const std::string& to, std::string_view content) {
  // Unique among processes and among the threads of this one.
  static std::atomic<unsigned> counter{0};
  std::string sibling = fmt::format("{}.tmp-{}-{}", to, getpid(), counter++);
  OutputFile file(sibling, content.size());
  try {
    file.write(0, std::as_bytes(std::span(content)));
    file.sync();
    file.close();
    rename_file(sibling, to);
  } catch (...) {
    unlink(sibling.c_str());
    throw;
  }
  std::size_t slash = to.rfind('/');
  sync_folder(slash == std::string::npos ? "." : slash == 0 ? "/" : to.substr(0, slash));
}

std::uint64_t free_bytes(const std::string& folder) {
  struct statvfs status {};
  if (uninterrupted([&] { return statvfs(folder.c_str(), &status); }) != 0)
    io_error(folder, "free space", errno);
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(status.f_bavail, status.f_frsize, &bytes))
    return std::numeric_limits<std::uint64_t>::max();
  return bytes;
}

}  // namespace mlc
