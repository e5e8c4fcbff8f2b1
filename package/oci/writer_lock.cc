#include "package/oci/writer_lock.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"

namespace mlc {
namespace {

// Of a file in /proc; empty when there is none.
std::string first_line(const std::string& path) {
  std::array<char, 4096> buffer{};
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  ssize_t n = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  std::string_view text(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  return std::string(text.substr(0, text.find('\n')));
}

// When the process began, in clock ticks since boot, so that a pid that is used again is not taken
// for the one before. Empty: there is no such process.
std::string start_time(long pid) {
  std::string line = first_line(fmt::format("/proc/{}/stat", pid));
  // The name, in parentheses, may hold anything; 20 fields on from it stands the time.
  std::size_t at = line.rfind(')');
  for (int i = 0; i < 20 && at != std::string::npos; i++)
    at = line.find(' ', at + 1);
  if (at == std::string::npos) return {};
  return line.substr(at + 1, line.find(' ', at + 1) - at - 1);
}

// What pids mean: the same text, the same set of processes.
const std::string& process_space() {
  static const std::string kSpace = [] {
    std::array<char, 256> buffer{};
    ssize_t n = ::readlink("/proc/self/ns/pid", buffer.data(), buffer.size());
    std::string ns(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    return first_line("/proc/sys/kernel/random/boot_id") + " " + ns;
  }();
  return kSpace;
}

std::string this_process() { return fmt::format("{} {}", ::getpid(), start_time(::getpid())); }

bool is_alive(std::string_view pid_and_start) {
  long pid = 0;
  auto [end, error] =
      std::from_chars(pid_and_start.data(), pid_and_start.data() + pid_and_start.size(), pid);
  if (error != std::errc() || pid <= 0) return false;
  std::string_view start(
      end, static_cast<std::size_t>(pid_and_start.data() + pid_and_start.size() - end));
  if (!start.empty()) start.remove_prefix(1);
  std::string now = start_time(pid);
  if (now.empty()) return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
  return now == start;
}

enum class Writer { kNone, kDead, kAlive, kElsewhere };

Writer state_of(const std::string& text) {
  if (text.empty()) return Writer::kDead;  // killed before it wrote its name
  std::size_t line = text.find('\n');
  if (line == std::string::npos || text.substr(0, line) != process_space())
    return Writer::kElsewhere;
  return is_alive(std::string_view(text).substr(line + 1)) ? Writer::kAlive : Writer::kDead;
}

std::string text_of(const std::string& path) {
  std::array<char, 512> buffer{};
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return {};
  ssize_t n = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return std::string(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
}

}  // namespace

WriterLock::WriterLock(const std::string& package, unsigned wait_seconds,
                       const std::function<void(const std::string&)>& note)
    : folder_(package + "/.mlc-partial"),
      lock_path_(folder_ + "/lock"),
      writer_path_(folder_ + "/writer") {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + std::chrono::seconds(wait_seconds);
  bool told = false;
  try {
    while (!try_take()) {
      throw_if_cancelled();
      if (Clock::now() >= end)
        fail(ExitCode::kIo,
             "{}: in use by another process; if no process writes into it, remove {}",
             printable(package, 1024), printable(writer_path_, 1024));
      if (!told && note) note(fmt::format("waiting for another writer of {}", package));
      told = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  } catch (...) {
    release();
    throw;
  }
}

WriterLock::~WriterLock() { release(); }

void WriterLock::release() {
  if (made_writer_) ::unlink(writer_path_.c_str());
  made_writer_ = false;
  if (lock_ >= 0) ::unlink(lock_path_.c_str());
  close_lock();
  ::rmdir(folder_.c_str());
}

void WriterLock::close_lock() {
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
}

// False: another writer is at work.
bool WriterLock::try_take() {
  if (::mkdir(folder_.c_str(), 0777) != 0 && errno != EEXIST)
    io_error(folder_, "create folder", errno);
  struct stat status {};
  // Through a link we would write into someone else's folder.
  if (::lstat(folder_.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
    fail(ExitCode::kIo, "{}: is no folder, but its name is the one that unfinished files need",
         printable(folder_, 1024));
  if (lock_ < 0 && !no_flock_ && !try_flock()) return false;
  return try_writer_file();
}

bool WriterLock::try_flock() {
  int fd = ::open(lock_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0 && (errno == ENOENT || errno == EINTR)) return false;  // the folder went just now
  if (fd < 0) io_error(lock_path_, "create", errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    int why = errno;
    ::close(fd);
    if (why == EWOULDBLOCK || why == EINTR) return false;
    if (why != ENOLCK && why != EOPNOTSUPP && why != ENOSYS && why != EINVAL) {
      ::unlink(lock_path_.c_str());
      io_error(lock_path_, "lock", why);
    }
    no_flock_ = true;
    ::unlink(lock_path_.c_str());
    return true;
  }
  // A writer that ends removes the file: the lock counts only if the name still stands for it.
  struct stat held {};
  struct stat named {};
  if (::fstat(fd, &held) == 0 && ::stat(lock_path_.c_str(), &named) == 0 &&
      held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
    lock_ = fd;
    return true;
  }
  ::close(fd);
  return false;
}

bool WriterLock::try_writer_file() {
  int fd = ::open(writer_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd >= 0) {
    made_writer_ = true;
    std::string text = process_space() + "\n" + this_process();
    ssize_t n = 0;
    for (std::string_view rest = text; n >= 0 && !rest.empty();) {
      n = ::write(fd, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) n = 0;
      if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
    }
    int why = errno;
    ::close(fd);
    if (n >= 0) return true;
    release();
    io_error(writer_path_, "write", why);
  }
  if (errno == ENOENT || errno == EINTR) return false;
  if (errno != EEXIST) io_error(writer_path_, "create", errno);

  std::string text = text_of(writer_path_);
  Writer writer = state_of(text);
  if (writer == Writer::kAlive || (writer == Writer::kElsewhere && no_flock_)) return false;
  if (text.empty()) {
    // Where flock fails or lies, one that is just being written looks like one of a killed writer.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (!text_of(writer_path_).empty()) return false;
  }
  // By rename, so that of two that see the same dead writer only one removes its file; and looked
  // at again, since it may be that of a third by now.
  std::string aside = folder_ + "/" + unique_partial_name();
  if (::rename(writer_path_.c_str(), aside.c_str()) != 0) return false;
  if (text_of(aside) != text && ::link(aside.c_str(), writer_path_.c_str()) != 0 && errno != EEXIST)
    io_error(writer_path_, "put back", errno);
  ::unlink(aside.c_str());
  return false;  // the next try makes it
}

std::string unique_partial_name() {
  static std::atomic<unsigned> counter{0};
  return fmt::format("new-{}-{}-{}", ::getpid(), start_time(::getpid()), counter++);
}

bool is_partial_of_living_process(const std::string& name) {
  constexpr std::string_view kPrefix = "new-";
  if (!name.starts_with(kPrefix)) return false;
  std::string rest = name.substr(kPrefix.size());
  std::size_t last = rest.rfind('-');
  std::size_t middle = rest.find('-');
  if (last == std::string::npos || last == middle) return false;
  rest[middle] = ' ';
  return is_alive(std::string_view(rest).substr(0, last));
}

}  // namespace mlc
