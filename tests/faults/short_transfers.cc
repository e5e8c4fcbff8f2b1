// Loaded before the C library by tests/faults: pread and pwrite move one byte, then at most 777
// bytes, and so on in turn, as the kernel may at any time.
#include <algorithm>
#include <atomic>

#include <dlfcn.h>
#include <sys/types.h>

namespace {

std::size_t shortened(std::size_t size) {
  static std::atomic<unsigned> calls{0};
  return std::min<std::size_t>(size, calls++ % 2 == 0 ? 1 : 777);
}

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

using Read = ssize_t(int, void*, std::size_t, off_t);
using Write = ssize_t(int, const void*, std::size_t, off_t);

}  // namespace

extern "C" {

ssize_t pread(int fd, void* data, std::size_t size, off_t offset) {
  return next<Read>("pread")(fd, data, shortened(size), offset);
}
ssize_t pread64(int fd, void* data, std::size_t size, off_t offset) {
  return next<Read>("pread64")(fd, data, shortened(size), offset);
}
ssize_t pwrite(int fd, const void* data, std::size_t size, off_t offset) {
  return next<Write>("pwrite")(fd, data, shortened(size), offset);
}
ssize_t pwrite64(int fd, const void* data, std::size_t size, off_t offset) {
  return next<Write>("pwrite64")(fd, data, shortened(size), offset);
}
}
