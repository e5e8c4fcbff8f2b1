#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>

#include "base/parallel.h"
#include "package/beneath.h"
#include "package/file_names.h"
#include "package/hub_link.h"
#include "package/model_files.h"
#include "package/model_files_parts.h"
#include "package/oci/manifest.h"

namespace mlc {
namespace {

constexpr std::array<std::string_view, 6> kLeftOut = {
    ".git", ".gitattributes", ".github", ".gitignore", ".cache", ".mlc-partial"};

// Walks a folder by its descriptors, so that nothing that is renamed meanwhile leads out of it.
class Walk {
 public:
  Walk(const std::string& folder, Links links) : folder_(folder), links_(links) {
    if (links_ == Links::kHubSnapshot) cache_ = cache_of_snapshot(folder);
    root_ = std::make_unique<UniqueFd>(open_folder_fd(folder));
    walk("", root_->get());
  }

  std::vector<ModelFile> files;

 private:
  std::vector<std::string> names_in(const std::string& folder, int fd) const {
    // fdopendir takes the descriptor for its own.
    int copy = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::unique_ptr<DIR, int (*)(DIR*)> dir(copy < 0 ? nullptr : ::fdopendir(copy), ::closedir);
    if (!dir) {
      int why = errno;
      if (copy >= 0) ::close(copy);
      io_error(path_of(folder_, folder), "list", why);
    }
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(dir.get());
      if (entry == nullptr && errno != 0) io_error(path_of(folder_, folder), "list", errno);
      if (entry == nullptr) break;
      std::string name = static_cast<const char*>(entry->d_name);
      if (name == "." || name == "..") continue;
      if (folder.empty() && std::count(kLeftOut.begin(), kLeftOut.end(), name) > 0) continue;
      names.push_back(std::move(name));
      if (names.size() > kMaxLayers) refuse_number();
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  [[noreturn]] void refuse_number() const {
    bad_input("{}: holds more than {} files, the most that a package can have",
              printable(folder_, 1024), kMaxLayers);
  }

  void walk(const std::string& below, int fd) {
    for (const std::string& name : names_in(below, fd)) {
      throw_if_cancelled();
      std::string full = below.empty() ? name : below + "/" + name;
      // Before anything else: this also ends loops of folders, by the length of their names.
      check_file_names({&full, 1}, printable(folder_, 1024));
      struct stat status {};
      if (::fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        io_error(path_of(folder_, full), "stat", errno);
      if (S_ISDIR(status.st_mode)) {
        UniqueFd inner(::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (inner.get() < 0) refuse_open(path_of(folder_, full), errno);
        walk(full, inner.get());
        continue;
      }
      if (S_ISLNK(status.st_mode) && !cache_.empty()) follow(full, status);
      if (std::string_view problem = kind_problem(status); !problem.empty())
        bad_input("{}: is {}; a package takes regular files only", path(full), problem);
      if (files.size() == kMaxLayers) refuse_number();
      files.push_back({full, static_cast<std::uint64_t>(status.st_size), modified_ns(status)});
    }
  }

  // `status` becomes that of the blob, unless this is another kind of link.
  void follow(const std::string& full, struct stat& status) const {
    std::string blob = blob_of_link(root_->get(), full);
    if (blob.empty()) return;
    UniqueFd blobs(open_folder_fd(cache_ + "/blobs"));
    if (::fstatat(blobs.get(), blob.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      io_error(cache_ + "/blobs/" + blob, "stat", errno);
  }

  std::string path(const std::string& name) const {
    return printable(path_of(folder_, name), 1024);
  }

  const std::string& folder_;
  Links links_;
  std::string cache_;  // of a hub snapshot
  std::unique_ptr<UniqueFd> root_;
};

}  // namespace

std::vector<ModelFile> list_model_files(const std::string& folder, Links links) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    fail(ExitCode::kUsage, "{}: no such folder", printable(folder, 1024));
  std::vector<ModelFile> files = Walk(folder, links).files;
  std::sort(files.begin(), files.end(),
            [](const ModelFile& a, const ModelFile& b) { return a.name < b.name; });
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const ModelFile& file : files)
    names.push_back(file.name);
  check_file_names(names, printable(folder, 1024));
  return files;
}

}  // namespace mlc
