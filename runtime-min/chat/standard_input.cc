#include "runtime-min/chat/standard_input.h"

#include <cerrno>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "base/parallel.h"

namespace mlc {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

// A signal may come just before a read, or go to another thread: neither interrupts it. So it is
// not begun before there is something to read, and the flag is looked at in between. False: a
// signal.
bool wait_for_input() {
  constexpr int kMilliseconds = 50;  // too short to be noticed after Ctrl-C
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  while (cancel_signal == 0) {
    int ready = ::poll(&input, 1, kMilliseconds);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) io_error("standard input", "can't wait for it", errno);
  }
  return false;
}

}  // namespace

// False at the end, or when a signal came.
bool StandardInput::read_more() {
  char block[1 << 14];
  while (wait_for_input()) {
    ssize_t n = ::read(STDIN_FILENO, block, sizeof(block));
    if (n > 0) {
      ahead_.append(block, static_cast<std::size_t>(n));
      if (ahead_.size() > kMaxBytes)
        fail(ExitCode::kUsage, "standard input has more than {} bytes", kMaxBytes);
      return true;
    }
    if (n == 0 || cancel_signal != 0) return false;
    if (errno != EINTR) io_error("standard input", "can't read it", errno);
  }
  return false;
}

std::string StandardInput::all() {
  while (read_more()) {
  }
  throw_if_cancelled();
  if (ahead_.ends_with('\n')) ahead_.pop_back();
  return std::exchange(ahead_, "");
}

std::optional<std::string> StandardInput::line() {
  std::size_t end = std::string::npos;
  while ((end = ahead_.find('\n')) == std::string::npos)
    if (!read_more()) break;
  if (ahead_.empty() || cancel_signal != 0) return std::nullopt;
  std::string line = ahead_.substr(0, end);
  ahead_.erase(0, end == std::string::npos ? ahead_.size() : end + 1);
  return line;
}

}  // namespace mlc
