// Opening what lies below a folder without leaving it: no component may be a symbolic link.
#pragma once

#include <string>

#include <unistd.h>

namespace mlc {

// The file descriptor, or -1 with errno (ELOOP or EXDEV: a link is in the way). `root` is the
// descriptor of a folder, `name` relative to it without "." and ".."; `flags` as open(2) has them.
int open_beneath_fd(int root, const std::string& name, int flags);

// A folder as the user names it, itself perhaps a link; Error(kIo).
int open_folder_fd(const std::string& path);

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace mlc
