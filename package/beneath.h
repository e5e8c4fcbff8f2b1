// Opening what lies below a folder without leaving it: no component may be a symbolic link.
#pragma once

#include <string>
#include <utility>

#include <unistd.h>

namespace mlc {

// The file descriptor, or -1 with errno (ELOOP or EXDEV: a link is in the way). `root` is the
// descriptor of a folder, `name` relative to it without "." and ".."; `flags` as open(2) has them.
int open_beneath_fd(int root, const std::string& name, int flags);

// A folder as the user names it, itself perhaps a link; Error(kIo).
int open_folder_fd(const std::string& path);

class UniqueFd {
 public:
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(-1); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  void reset(int fd) {
    int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);
  }
  int fd_;
};

}  // namespace mlc
