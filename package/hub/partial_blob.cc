#include "package/hub/partial_blob.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <random>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/parallel.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".incomplete";
// A file of another machine, or of a program that does not say whose it is, that was not written to
// for so long is nobody's.
constexpr std::time_t kForgotten = 600;
constexpr std::int64_t kPoll = 50'000'000;  // ns

// This machine since it was started: process numbers mean something within it only.
const std::string& this_host() {
  static const std::string kHost = [] {
    std::string text;
    try {
      text = read_file("/proc/sys/kernel/hostname", 4096);
    } catch (const Error&) {
      text = "unknown";
    }
    Sha256 hash;
    hash.update(std::as_bytes(std::span(text)));
    const Sha256Digest digest = hash.finish();
    return hex(std::span(digest).first(4));
  }();
  return kHost;
}

// "BLOB.HOST-PID-RANDOM.incomplete": may it be taken over?
bool is_abandoned(const std::string& path, std::string_view between, const struct stat& status) {
  std::time_t age = std::time(nullptr) - status.st_mtime;
  if (!between.starts_with("." + this_host() + "-")) return age > kForgotten;
  between.remove_prefix(this_host().size() + 2);
  pid_t pid = 0;
  auto [end, error] = std::from_chars(between.data(), between.data() + between.size(), pid);
  if (error != std::errc() || pid <= 0) return age > kForgotten;
  if (pid != getpid() && kill(pid, 0) != 0 && errno == ESRCH) {
    // In another PID namespace the process may live all the same; it holds a lock on the file.
    int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    bool free = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    close(fd);
    return free;
  }
  return false;
}

struct Leftover {
  std::string path;
  std::uint64_t size;
};

// Longest first.
std::vector<Leftover> leftovers(const std::string& blob) {
  std::vector<Leftover> found;
  const std::string folder = fs::path(blob).parent_path().string();
  const std::string name = fs::path(blob).filename().string();
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    if (file.size() < name.size() + kSuffix.size() || !file.starts_with(name) ||
        !file.ends_with(kSuffix))
      continue;
    std::string_view between(file);
    between = between.substr(name.size(), file.size() - name.size() - kSuffix.size());
    struct stat status {};
    if (lstat(it->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (is_abandoned(it->path().string(), between, status))
      found.push_back({it->path().string(), static_cast<std::uint64_t>(status.st_size)});
  }
  std::sort(found.begin(), found.end(),
            [](const Leftover& a, const Leftover& b) { return a.size > b.size; });
  return found;
}

}  // namespace

BlobLock::BlobLock(const std::string& path) {
  fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) io_error(path, "open", errno);
  while (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return;  // no locks here
    if (cancel_signal != 0) {
      close(fd_);
      throw_if_cancelled();
    }
    timespec pause{0, kPoll};
    nanosleep(&pause, nullptr);
  }
}

BlobLock::~BlobLock() { close(fd_); }

PartialBlob::PartialBlob(const std::string& blob, std::uint64_t size) : blob_(blob) {
  static std::random_device random;
  path_ = fmt::format("{}.{}-{}-{:08x}{}", blob, this_host(), getpid(), random(), kSuffix);
  bool taken = false;
  for (const Leftover& one : leftovers(blob)) {
    // Who renames it has it: nobody else finds it under the old name.
    if (!taken && one.size <= size && std::rename(one.path.c_str(), path_.c_str()) == 0)
      taken = true;
    else
      unlink(one.path.c_str());
  }
  fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | (taken ? 0 : O_CREAT | O_EXCL), 0644);
  if (fd_ < 0) io_error(path_, taken ? "open" : "create", errno);
  static_cast<void>(flock(fd_, LOCK_EX | LOCK_NB));
  struct stat status {};
  if (fstat(fd_, &status) != 0) io_error(path_, "stat", errno);
  size_ = static_cast<std::uint64_t>(status.st_size);
}

PartialBlob::~PartialBlob() {
  if (fd_ >= 0) close(fd_);
  if (!path_.empty() && (!keep_ || size_ == 0)) unlink(path_.c_str());
}

void PartialBlob::write(std::span<const std::byte> block) {
  while (!block.empty()) {
    ssize_t n = pwrite(fd_, block.data(), block.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) io_error(path_, "write", n < 0 ? errno : EIO);
    size_ += static_cast<std::uint64_t>(n);
    block = block.subspan(static_cast<std::size_t>(n));
  }
}

void PartialBlob::restart() {
  if (ftruncate(fd_, 0) != 0) io_error(path_, "truncate", errno);
  size_ = 0;
}

void PartialBlob::sync() {
  if (fsync(fd_) != 0) io_error(path_, "sync", errno);
}

void PartialBlob::commit() {
  int fd = fd_;
  fd_ = -1;
  if (close(fd) != 0 && errno != EINTR) io_error(path_, "close", errno);
  rename_file(path_, blob_);
  path_.clear();
  sync_folder(fs::path(blob_).parent_path().string());
}

}  // namespace mlc
