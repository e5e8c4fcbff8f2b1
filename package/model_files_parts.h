// What listing and reading model files share; for their own files alone.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/stat.h>

#include "base/error.h"

namespace mlc {

inline std::string path_of(const std::string& folder, const std::string& name) {
  return folder + (folder.ends_with('/') ? "" : "/") + name;
}

inline std::int64_t modified_ns(const struct stat& status) {
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

// What may not be packed, or empty.
inline std::string_view kind_problem(const struct stat& status) {
  if (S_ISLNK(status.st_mode)) return "a symbolic link";
  if (S_ISFIFO(status.st_mode)) return "a FIFO";
  if (S_ISSOCK(status.st_mode)) return "a socket";
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) return "a device";
  if (!S_ISREG(status.st_mode)) return "no regular file";
  if ((status.st_mode & (S_ISUID | S_ISGID)) != 0) return "a file with the setuid or setgid bit";
  return {};
}

[[noreturn]] inline void refuse_open(const std::string& path, int why) {
  if (why == ELOOP || why == EXDEV)
    bad_input("{}: a symbolic link is in the way; only files of the folder itself are taken",
              printable(path, 1024));
  io_error(path, "open", why);
}

}  // namespace mlc
