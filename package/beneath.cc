#include "package/beneath.h"

#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

namespace mlc {
namespace {

int by_components(int root, std::string_view name, int flags) {
  int folder = root;
  for (;;) {
    std::size_t slash = name.find('/');
    std::string component(name.substr(0, slash));
    bool is_last = slash == std::string_view::npos;
    int fd = ::openat(folder, component.c_str(),
                      is_last ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int why = errno;
    if (folder != root) ::close(folder);
    errno = why;
    if (fd < 0 || is_last) return fd;
    folder = fd;
    name.remove_prefix(slash + 1);
  }
}

}  // namespace

int open_beneath_fd(int root, const std::string& name, int flags) {
  open_how how{};
  how.flags = static_cast<decltype(how.flags)>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0;; tries++) {
    long fd = ::syscall(SYS_openat2, root, name.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno == EINTR) continue;
    // Something was renamed meanwhile and the kernel can't be sure.
    if (errno == EAGAIN && tries < 1000) continue;
    // Kernels before 5.6, and sandboxes that know no openat2.
    if (errno == EAGAIN || errno == ENOSYS || errno == EPERM)
      return by_components(root, name, flags);
    return -1;
  }
}

int open_folder_fd(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) io_error(path, "open folder", errno);
  return fd;
}

}  // namespace mlc
