#include "base/output_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
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
constexpr std::string_view kOld = "old-";

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) io_error(folder, "list", error.value());
  std::sort(names.begin(), names.end());
  return names;
}

std::string parent_of(const std::string& path) {
  std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string without_final_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  return path;
}

}  // namespace

OutputFolder::OutputFolder(const std::string& out, bool resume)
    : out_(without_final_slashes(out)), partial_(out_path(kPartial)) {
  try {
    make_out();
    // A run that ends removes its partial folder, maybe between our steps: try again until the lock
    // that we hold is the file that the name stands for.
    do {
      open_partial();
      lock_ = try_lock();
    } while (lock_ < 0);
    // The folder is ours from here on.
    if (!resume) discard_leftovers();
  } catch (...) {
    if (lock_ >= 0) ::close(lock_);
    remove_made();
    throw;
  }
}

void OutputFolder::discard_leftovers() {
  for (const std::string& name : names_in(partial_)) {
    if (name == kLock) continue;
    std::error_code error;
    fs::remove_all(partial_path(name), error);
    if (error) io_error(partial_path(name), "remove", error.value());
  }
}

void OutputFolder::make_out() {
  std::vector<std::string> missing;
  for (std::string path = out_; !exists(path); path = parent_of(path))
    missing.push_back(path);
  for (auto path = missing.rbegin(); path != missing.rend(); ++path) {
    if (::mkdir(path->c_str(), 0777) == 0)
      made_.push_back(*path);
    else if (errno != EEXIST)  // another process may make the same folder
      io_error(*path, "create folder", errno);
  }
  struct stat status {};
  if (::stat(out_.c_str(), &status) != 0) io_error(out_, "open folder", errno);
  if (!S_ISDIR(status.st_mode))
    fail(ExitCode::kIo, "{}: is a file, expected a folder to write into", printable(out_, 1024));
}

void OutputFolder::open_partial() {
  made_partial_ = ::mkdir(partial_.c_str(), 0777) == 0;
  if (!made_partial_ && errno != EEXIST) io_error(partial_, "create folder", errno);
  struct stat status {};
  // Through a link we would empty someone else's folder.
  if (::lstat(partial_.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
    fail(ExitCode::kIo, "{}: is no folder, but its name is the one that unfinished files need",
         printable(partial_, 1024));
}

// -1: the lock file or the partial folder was removed under us.
int OutputFolder::try_lock() {
  std::string path = partial_path(kLock);
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0 && errno == ENOENT) return -1;
  if (fd < 0) {
    int why = errno;
    if (made_partial_) ::rmdir(partial_.c_str());
    io_error(path, "create", why);
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    int why = errno;
    ::close(fd);
    if (why == EINTR) return -1;
    if (why == EWOULDBLOCK)
      fail(ExitCode::kIo, "{}: busy: another process is writing into it", printable(out_, 1024));
    if (made_partial_) remove_partial();
    io_error(path, "lock", why);
  }
  struct stat held {};
  struct stat named {};
  if (::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
      held.st_dev == named.st_dev)
    return fd;
  ::close(fd);
  return -1;
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  bool keep = false;
  if (keep_partial_)
    for (fs::directory_iterator it(partial_, ignored), end; !ignored && it != end;
         it.increment(ignored))
      keep = keep || it->path().filename() != kLock;
  if (!keep) {
    remove_partial();
    remove_made();
  }
  ::close(lock_);
}

// Best effort; what stays is emptied by the next run. The lock goes last, by name: a run that
// starts now makes its own.
void OutputFolder::remove_partial() {
  std::error_code ignored;
  std::vector<fs::path> paths;
  for (fs::directory_iterator it(partial_, ignored), end; !ignored && it != end;
       it.increment(ignored))
    if (it->path().filename() != kLock) paths.push_back(it->path());
  for (const fs::path& path : paths)
    fs::remove_all(path, ignored);
  ::unlink(partial_path(kLock).c_str());
  ::rmdir(partial_.c_str());
}

void OutputFolder::remove_made() {
  for (auto path = made_.rbegin(); path != made_.rend(); ++path)
    ::rmdir(path->c_str());
}

std::string OutputFolder::partial_path(std::string_view name) const {
  return partial_ + "/" + std::string(name);
}
std::string OutputFolder::out_path(std::string_view name) const {
  return out_ + (out_.ends_with('/') ? "" : "/") + std::string(name);
}

std::string OutputFolder::find_finished(std::string_view name) const {
  std::string path = partial_path(name);
  if (exists(path)) return path;
  path = out_path(name);
  return exists(path) ? path : std::string();
}

void OutputFolder::commit(const Commit& commit) {
  for (const std::string& name : commit.data)
    if (find_finished(name).empty())
      fail(ExitCode::kBug, "{}: '{}' is to be committed and is not there", printable(out_, 1024),
           printable(name));
  for (const std::string& name : commit.index)
    if (!exists(partial_path(name)))
      fail(ExitCode::kBug, "{}: '{}' is to be committed and is not there",
           printable(partial_, 1024), printable(name));
  try {
    place(commit);
  } catch (const Error& error) {
    if (undo_moves()) throw;
    keep_partial_ = true;
    fail(error.code(),
         "{}; the earlier state of {} can't be brought back either: run again with --resume before "
         "it is used",
         error.what(), printable(out_, 1024));
  } catch (...) {
    keep_partial_ = !undo_moves() || keep_partial_;
    throw;
  }
  keep_partial_ = false;
  made_.clear();
}

void OutputFolder::place(const Commit& commit) {
  sync_folder(partial_);
  for (const std::string& path : made_)
    sync_folder(parent_of(path));
  for (const std::string& name : commit.retired)
    retire(name);
  sync_folder(out_);
  // From here on OUT holds no index: whatever is killed now leaves an incomplete conversion that
  // says so.
  for (const std::string& name : commit.data) {
    if (!exists(partial_path(name))) continue;
    retire(name);
    move(partial_path(name), out_path(name));
  }
  if (commit.stale)
    for (const std::string& name : names_in(out_))
      if (commit.stale(name) &&
          std::find(commit.data.begin(), commit.data.end(), name) == commit.data.end())
        retire(name);
  sync_folder(out_);
  // All data is in place and synced.
  for (const std::string& name : commit.index) {
    retire(name);
    move(partial_path(name), out_path(name));
  }
  sync_folder(out_);
}

void OutputFolder::retire(const std::string& name) {
  struct stat status {};
  if (::lstat(out_path(name).c_str(), &status) != 0) return;
  if (S_ISDIR(status.st_mode))
    fail(ExitCode::kIo, "{}: is a folder, but a file of that name is to be written or replaced",
         printable(out_path(name), 1024));
  move(out_path(name), partial_path(std::string(kOld) + name));
}

void OutputFolder::move(const std::string& from, const std::string& to) {
  rename_file(from, to);
  moves_.emplace_back(from, to);
}

// Stops at the first move that can't be undone: going on could bring an index back over shards that
// are not its own. What can't be put back is not thrown away.
bool OutputFolder::undo_moves() {
  for (; !moves_.empty(); moves_.pop_back()) {
    const auto& [from, to] = moves_.back();
    if (std::rename(to.c_str(), from.c_str()) != 0) return false;
  }
  return true;
}

bool OutputFolder::was_killed_between(std::span<const std::string_view> index) const {
  // Index files are made in the partial folder in this order, before commit(), and leave it in the
  // same order: only a commit makes a later one wait for an earlier one that is in OUT.
  auto waits = [&](std::string_view name) { return exists(partial_path(name)); };
  auto first = std::find_if(index.begin(), index.end(), waits);
  return first != index.begin() && first != index.end() &&
         std::all_of(index.begin(), first,
                     [&](std::string_view name) { return exists(out_path(name)); });
}

bool holds_any(const std::string& out, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return exists(out + "/" + std::string(name)); });
}

}  // namespace mlc
