#include "cli/standard_streams.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"

namespace mlc {
namespace {

// 0, or the errno of the write that failed.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

void secure_standard_streams() {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  for (int fd = 0; fd <= 2; fd++) {
    // open() takes the lowest free number, which is fd: those below it are open by now.
    if (::fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
        ::open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) == -1)
      io_error("/dev/null", "can't open it in place of a closed standard file", errno);
  }
}

void write_stdout(std::string_view text) {
  if (int error = write_all(STDOUT_FILENO, text); error != 0)
    io_error("standard output", "can't write the result", error);
}

void write_stdout_list(std::string_view text) {
  if (int error = write_all(STDOUT_FILENO, text); error != 0 && error != EPIPE)
    io_error("standard output", "can't write the result", error);
}

void write_stderr(std::string_view text) { static_cast<void>(write_all(STDERR_FILENO, text)); }

}  // namespace mlc
