#include "package/hub/hub_cache.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <random>

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hub_address.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporary = "tmp-";
constexpr std::time_t kForgotten = 600;  // seconds
constexpr std::uint64_t kMaxRef = 256;
constexpr std::uint64_t kMaxListing = std::uint64_t{64} << 20;

// The signature is bford.info/cachedir's: programs that make backups leave such folders out.
constexpr std::string_view kCacheTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file marks a cache folder: models of the Hugging Face hub.\n"
    "# See https://bford.info/cachedir/\n";

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) io_error(path, "create folder", error.value());
}

std::string parent(const std::string& path) { return fs::path(path).parent_path().string(); }

// From the folder that the file lies in, up to the model's folder.
std::string link_target(const HubFile& file) {
  std::string up = "../../";
  for (char c : file.name)
    if (c == '/') up += "../";
  return up + "blobs/" + file.etag;
}

void make_link(const std::string& target, const std::string& path) {
  if (symlink(target.c_str(), path.c_str()) != 0) io_error(path, "link", errno);
}

void sync_folders_below(const std::string& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    if (it->is_directory() && !it->is_symlink()) sync_folder(it->path().string());
  if (error) io_error(folder, "list", error.value());
  sync_folder(folder);
}

}  // namespace

HubCache::HubCache(std::string root, const std::string& repository)
    : root_(std::move(root)), name_("models--" + repository) {
  name_.replace(name_.find('/'), 1, "--");
  folder_ = root_ + "/" + name_;
}

std::string HubCache::blob(const std::string& etag) const { return folder_ + "/blobs/" + etag; }
std::string HubCache::lock(const std::string& etag) const {
  return fmt::format("{}/.locks/{}/{}.lock", root_, name_, etag);
}
std::string HubCache::snapshot(const std::string& commit) const {
  return folder_ + "/snapshots/" + commit;
}

void HubCache::make() const {
  make_folder(folder_ + "/blobs");
  make_folder(folder_ + "/refs");
  make_folder(folder_ + "/snapshots");
  make_folder(root_ + "/.locks/" + name_);
  const std::string tag = root_ + "/CACHEDIR.TAG";
  if (!fs::exists(tag)) write_file_atomically(tag, kCacheTag);
}

// What is not finished has no place where huggingface_hub looks: a name of our own folder, from
// which it is renamed.
std::string HubCache::temporary() const {
  static std::random_device random;
  const std::string folder = folder_ + "/.mlc";
  make_folder(folder);
  return fmt::format("{}/{}{}-{:08x}", folder, kTemporary, getpid(), random());
}

void HubCache::write(const std::string& path, std::string_view text) const {
  const std::string from = temporary();
  OutputFile file(from, text.size());
  try {
    file.write(0, std::as_bytes(std::span(text)));
    file.sync();
    file.close();
    rename_file(from, path);
  } catch (...) {
    unlink(from.c_str());
    throw;
  }
  sync_folder(parent(path));
}

// Of processes that were killed while they made something, which takes milliseconds.
void HubCache::remove_leftovers() const {
  std::error_code error;
  for (fs::directory_iterator it(folder_ + "/.mlc", error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    struct stat status {};
    if (it->path().filename().string().starts_with(kTemporary) &&
        lstat(it->path().c_str(), &status) == 0 &&
        std::time(nullptr) - status.st_mtime > kForgotten)
      fs::remove_all(it->path(), ignored);
  }
}

std::optional<std::string> HubCache::ref(const std::string& revision) const {
  const std::string path = folder_ + "/refs/" + revision;
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::nullopt;
  std::string commit = read_file(path, kMaxRef);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r'))
    commit.pop_back();
  if (!is_commit(commit)) bad_input("{}: holds no commit; remove it", printable(path, 1024));
  return commit;
}

void HubCache::write_ref(const std::string& revision, const std::string& commit) const {
  const std::string path = folder_ + "/refs/" + revision;
  make_folder(parent(path));
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored) && read_file(path, kMaxRef) == commit) return;
  write(path, commit);
}

std::optional<HubListing> HubCache::listing(const std::string& commit) const {
  const std::string path = fmt::format("{}/.mlc/{}.json", folder_, commit);
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::nullopt;
  HubListing listing = parse_listing_text(read_file(path, kMaxListing), printable(path, 1024));
  if (listing.commit != commit)
    bad_input("{}: is of another commit; remove it", printable(path, 1024));
  return listing;
}

void HubCache::write_listing(const HubListing& listing) const {
  write(fmt::format("{}/.mlc/{}.json", folder_, listing.commit), listing_text(listing));
}

HubListing HubCache::listing_of_snapshot(const std::string& commit) const {
  HubListing listing;
  listing.commit = commit;
  const std::string folder = snapshot(commit);
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_directory() && !it->is_symlink()) continue;
    HubFile file;
    file.name = it->path().lexically_relative(folder).generic_string();
    std::error_code ignored;
    if (it->is_symlink()) file.etag = fs::read_symlink(it->path(), ignored).filename().string();
    if (!is_hex(file.etag, 40) && !is_hex(file.etag, 64)) file.etag.clear();
    std::uintmax_t size = fs::file_size(it->path(), ignored);
    if (!ignored) file.size = size;
    listing.files.push_back(std::move(file));
  }
  if (error) io_error(folder, "list", error.value());
  finish_listing(listing, printable(folder, 1024));
  return listing;
}

bool HubCache::is_linked(const std::string& commit, const HubFile& file) const {
  std::error_code error;
  fs::path target = fs::read_symlink(snapshot(commit) + "/" + file.name, error);
  return !error && target == link_target(file);
}

void HubCache::link(const std::string& commit, const std::vector<HubFile>& files) const {
  const std::string folder = snapshot(commit);
  std::vector<HubFile> missing;
  std::copy_if(files.begin(), files.end(), std::back_inserter(missing),
               [&](const HubFile& file) { return !is_linked(commit, file); });
  std::error_code error;
  bool is_new = !fs::exists(folder, error);
  if (missing.empty() && !is_new) return;
  remove_leftovers();
  const std::string place = is_new ? temporary() : folder;
  try {
    for (const HubFile& file : missing) {
      const std::string path = place + "/" + file.name;
      make_folder(parent(path));
      const std::string made = is_new ? path : temporary();
      make_link(link_target(file), made);
      if (!is_new) rename_file(made, path);
    }
    make_folder(place);
    sync_folders_below(place);
    // Another process may have been quicker; then its folder is completed.
    if (is_new && std::rename(place.c_str(), folder.c_str()) != 0) {
      if (errno != ENOTEMPTY && errno != EEXIST) io_error(folder, "rename", errno);
      fs::remove_all(place, error);
      return link(commit, files);
    }
  } catch (...) {
    if (is_new) fs::remove_all(place, error);
    throw;
  }
  sync_folder(parent(folder));
}

}  // namespace mlc
