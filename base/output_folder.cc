#include "base/output_folder.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace fs = std::filesystem;

namespace mlc {
namespace {

constexpr std::string_view kPartial = ".mlc-partial";
constexpr std::string_view kLock = "lock";

bool exists(const std::string& path) {
  struct stat st;
  return ::lstat(path.c_str(), &st) == 0;
}

void remove_if_there(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) io_error(path, "can't remove", errno);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) io_error(folder, "can't list", error.value());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

OutputFolder::OutputFolder(const std::string& out, bool resume)
    : out_(out), partial_(out + "/" + std::string(kPartial)) {
  std::error_code error;
  fs::file_status status = fs::status(out_, error);
  if (!fs::exists(status)) {
    made_out_ = fs::create_directories(out_, error);
    if (error) io_error(out_, "can't create the folder", error.value());
  } else if (!fs::is_directory(status)) {
    io_error(out_, "can't write into it", ENOTDIR);
  }
  // Another run may remove its partial folder between our steps: try again until the lock that we
  // hold is the file that the name stands for.
  do
    lock_ = try_lock();
  while (lock_ < 0);
  // The folder is ours from here on.
  if (!resume)
    for (const std::string& name : names_in(partial_))
      if (name != kLock) remove_if_there(partial_path(name));
}

// -1: the lock file was removed under us.
int OutputFolder::try_lock() {
  if (::mkdir(partial_.c_str(), 0755) != 0 && errno != EEXIST) {
    int why = errno;
    if (made_out_) ::rmdir(out_.c_str());
    io_error(partial_, "can't create the folder", why);
  }
  std::string path = partial_path(kLock);
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0 && errno == ENOENT) return -1;
  if (fd < 0) io_error(path, "can't create", errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    int why = errno;
    ::close(fd);
    if (why == EWOULDBLOCK)
      fail(ExitCode::kIo, "{}: busy: another process is writing into it", printable(out_, 1024));
    io_error(path, "can't lock", why);
  }
  struct stat held;
  struct stat named;
  if (::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino)
    return fd;
  ::close(fd);
  return -1;
}

OutputFolder::~OutputFolder() {
  if (lock_ < 0) return;
  if (!keep_partial_) {
    // The lock goes last, and by name: a run that starts now makes its own.
    std::error_code ignored;
    for (fs::directory_iterator it(partial_, ignored), end; !ignored && it != end;
         it.increment(ignored))
      if (it->path().filename() != kLock) ::unlink(it->path().c_str());
    ::unlink(partial_path(kLock).c_str());
    ::rmdir(partial_.c_str());
    if (made_out_ && !committed_) ::rmdir(out_.c_str());
  }
  ::close(lock_);
}

std::string OutputFolder::partial_path(std::string_view name) const {
  return partial_ + "/" + std::string(name);
}

std::string OutputFolder::find_finished(std::string_view name) const {
  std::string path = partial_path(name);
  if (exists(path)) return path;
  path = out_ + "/" + std::string(name);
  return exists(path) ? path : std::string();
}

void OutputFolder::commit(const Commit& commit) {
  sync_folder(partial_);
  for (const std::string& name : commit.retired)
    remove_if_there(out_ + "/" + name);
  sync_folder(out_);
  // From here on OUT holds no index: whatever is killed now leaves an incomplete conversion that
  // says so.
  for (const std::string& name : commit.data)
    if (exists(partial_path(name))) rename_file(partial_path(name), out_ + "/" + name);
  if (commit.stale)
    for (const std::string& name : names_in(out_))
      if (commit.stale(name) &&
          std::find(commit.data.begin(), commit.data.end(), name) == commit.data.end())
        remove_if_there(out_ + "/" + name);
  sync_folder(out_);
  // All data is in place and synced.
  for (const std::string& name : commit.index)
    rename_file(partial_path(name), out_ + "/" + name);
  sync_folder(out_);
  committed_ = true;
  keep_partial_ = false;
}

bool holds_any(const std::string& out, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return exists(out + "/" + std::string(name)); });
}

}  // namespace mlc
