#include "package/new_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "package/temporary_name.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

std::string parent_of(const std::string& path) {
  std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

int rename_with(const std::string& from, const std::string& to, unsigned flags) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags);
}

}  // namespace

NewFolder::NewFolder(const std::string& out, bool overwrite)
    : out_(without_final_slashes(out)),
      temporary_(temporary_name(out_)),
      overwrite_(overwrite),
      root_(-1) {
  check_out();
  std::string parent = parent_of(out_);
  struct stat status {};
  if (::stat(parent.c_str(), &status) != 0) {
    if (errno != ENOENT) io_error(parent, "open folder", errno);
    fail(ExitCode::kUsage, "{}: no such folder to put {} into", printable(parent, 1024),
         printable(out_, 1024));
  }
  if (::mkdir(temporary_.c_str(), 0777) != 0) io_error(temporary_, "create folder", errno);
  is_there_ = true;
  try {
    root_ = UniqueFd(open_folder_fd(temporary_));
  } catch (...) {
    remove();
    throw;
  }
  // Where flock does not work, gc goes by the process's number.
  static_cast<void>(::flock(root_.get(), LOCK_EX | LOCK_NB));
}

NewFolder::~NewFolder() { remove(); }

void NewFolder::remove() {
  if (!is_there_) return;
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
  is_there_ = false;
}

void NewFolder::check_out() const {
  struct stat status {};
  if (::lstat(out_.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    io_error(out_, "stat", errno);
  }
  if (S_ISLNK(status.st_mode))
    bad_input("{}: is a symbolic link; name the folder itself", printable(out_, 1024));
  if (!S_ISDIR(status.st_mode))
    fail(ExitCode::kUsage, "{}: is a file, expected a new folder", printable(out_, 1024));
  std::error_code error;
  bool empty = fs::is_empty(out_, error);
  if (error) io_error(out_, "list", error.value());
  if (!empty && !overwrite_)
    fail(ExitCode::kUsage,
         "{}: is not empty; name a new folder, or --overwrite to replace it whole",
         printable(out_, 1024));
}

void NewFolder::make_folders(std::span<const std::string> names) {
  std::set<std::string> folders;
  for (const std::string& name : names)
    for (std::size_t slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1))
      folders.insert(name.substr(0, slash));
  for (const std::string& folder : folders) {
    std::size_t slash = folder.rfind('/');
    int parent = root_.get();
    UniqueFd inner(-1);
    if (slash != std::string::npos) {
      inner = UniqueFd(
          open_beneath_fd(root_.get(), folder.substr(0, slash), O_PATH | O_DIRECTORY | O_CLOEXEC));
      parent = inner.get();
    }
    std::string last = folder.substr(slash == std::string::npos ? 0 : slash + 1);
    if (parent < 0 || ::mkdirat(parent, last.c_str(), 0777) != 0)
      io_error(temporary_ + "/" + folder, "create folder", errno);
  }
  folders_.assign(folders.begin(), folders.end());
}

NewFolder::File NewFolder::create(const std::string& name, std::uint64_t size) {
  std::string path = temporary_ + "/" + name;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  File file(open_beneath_fd(root_.get(), name, kFlags), path);
  if (file.fd_.get() < 0) io_error(path, "create", errno);
  // EOPNOTSUPP: a file system that can't reserve.
  if (size > 0 && ::fallocate(file.fd_.get(), 0, 0, static_cast<off_t>(size)) != 0 &&
      errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR)
    io_error(path, "reserve space", errno);
  return file;
}

void NewFolder::File::write(std::span<const std::byte> block) {
  while (!block.empty()) {
    ssize_t n = ::pwrite(fd_.get(), block.data(), block.size(), static_cast<off_t>(size_));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) io_error(path_, "write", n < 0 ? errno : EIO);
    size_ += static_cast<std::uint64_t>(n);
    block = block.subspan(static_cast<std::size_t>(n));
  }
}

void NewFolder::File::finish() {
  int result = 0;
  do
    result = ::fsync(fd_.get());
  while (result != 0 && errno == EINTR);
  if (result != 0) io_error(path_, "sync", errno);
  // On Linux the descriptor is free even after EINTR.
  if (::close(fd_.release()) != 0 && errno != EINTR) io_error(path_, "close", errno);
}

void NewFolder::commit() {
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder)
    sync_folder(temporary_ + "/" + *folder);
  sync_folder(temporary_);
  check_out();
  replace();
  try {
    sync_folder(parent_of(out_));
  } catch (...) {
    // Whether the new name or the old one survives a crash is unknown: go back, if that works.
    if (is_there_)
      static_cast<void>(rename_with(temporary_, out_, RENAME_EXCHANGE));
    else if (std::rename(out_.c_str(), temporary_.c_str()) == 0)
      is_there_ = true;
    throw;
  }
  remove();  // what was replaced
}

// After this, the temporary name stands for what was replaced, if anything was.
void NewFolder::replace() {
  if (rename_with(temporary_, out_, RENAME_NOREPLACE) == 0) {
    is_there_ = false;
    return;
  }
  // A file system without NOREPLACE; or an empty folder, which a plain rename replaces.
  if (errno != EEXIST && errno != EINVAL) io_error(out_, "rename", errno);
  if (std::rename(temporary_.c_str(), out_.c_str()) == 0) {
    is_there_ = false;
    return;
  }
  if (!overwrite_ || (errno != ENOTEMPTY && errno != EEXIST)) io_error(out_, "rename", errno);
  if (rename_with(temporary_, out_, RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL) io_error(out_, "exchange", errno);
  std::string aside = temporary_name(out_);
  rename_file(out_, aside);
  if (std::rename(temporary_.c_str(), out_.c_str()) != 0) {
    int why = errno;
    static_cast<void>(std::rename(aside.c_str(), out_.c_str()));
    io_error(out_, "rename", why);
  }
  temporary_ = aside;
}

}  // namespace mlc
