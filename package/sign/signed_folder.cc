#include "package/sign/signed_folder.h"

#include <algorithm>
#include <filesystem>

#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "base/relative_path.h"
#include "base/utf8.h"
#include "package/sign/key.h"
#include "package/sign/statement.h"
#include "package/temporary_name.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 65536;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kBlock = std::size_t{1} << 20;

class Lister {
 public:
  explicit Lister(const std::string& folder) : root_(folder) {
    std::error_code error;
    fs::path real = fs::canonical(root_, error);
    if (!error && real.parent_path().filename() == "snapshots")
      cached_blobs_ = real.parent_path().parent_path() / "blobs";
  }

  FolderListing list() {
    walk(root_, "", 0);
    auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
    std::sort(out_.files.begin(), out_.files.end(), by_name);
    std::sort(out_.refused.begin(), out_.refused.end());
    return std::move(out_);
  }

 private:
  void walk(const fs::path& folder, const std::string& prefix, std::size_t depth) {
    throw_if_cancelled();
    if (depth > kMaxDepth) bad_input("{}: folders nested too deep", printable(prefix));
    std::error_code error;
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      std::string base = entry->path().filename().string();
      if (depth == 0 && is_ignored_by_default(base)) continue;
      look_at(entry->path(), prefix + base, depth);
      if (out_.files.size() + out_.refused.size() > kMaxFiles)
        bad_input("{}: more than {} files", printable(root_.string()), kMaxFiles);
    }
    if (error) io_error(folder.string(), "cannot list the folder", error.value());
  }

  void look_at(const fs::path& path, const std::string& name, std::size_t depth) {
    std::string_view problem = relative_path_problem(name);
    if (find_invalid_utf8(name) != std::string_view::npos) problem = "its name is no UTF-8";
    if (!problem.empty()) return refuse(name, std::string(problem));
    std::error_code error;
    fs::file_status status = fs::symlink_status(path, error);
    if (error) io_error(path.string(), "stat", error.value());
    if (fs::is_directory(status)) return walk(path, name + "/", depth + 1);
    if (fs::is_symlink(status) && is_cached(path)) status = fs::status(path, error);
    if (fs::is_symlink(status)) return refuse(name, "it is a symbolic link");
    if (!fs::is_regular_file(status)) return refuse(name, "it is no regular file");
    std::uint64_t size = fs::file_size(path, error);
    if (error) io_error(path.string(), "stat", error.value());
    out_.files.push_back({name, size});
  }

  bool is_cached(const fs::path& path) const {
    if (cached_blobs_.empty()) return false;
    std::error_code error;
    fs::path target = fs::canonical(path, error);
    return !error && target.parent_path() == cached_blobs_;
  }

  void refuse(const std::string& name, std::string why) {
    out_.refused.emplace_back(name, std::move(why));
  }

  fs::path root_;
  fs::path cached_blobs_;
  FolderListing out_;
};

Digest hash_file(const std::string& path, Reporter& reporter) {
  InputFile file(path);
  std::vector<std::byte> block(kBlock);
  Sha256 hash;
  for (std::uint64_t at = 0; at < file.size(); at += block.size()) {
    throw_if_cancelled();
    auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, file.size() - at));
    std::span<std::byte> part = std::span(block).first(size);
    file.read(at, part);
    hash.update(part);
    reporter.advance(size);
  }
  return Digest(hash.finish());
}

// "model.sig.tmp-PID-NUMBER", which is deleted when that process is gone.
bool remove_leftover(const std::string& folder, const std::string& name) {
  if (!name.starts_with(std::string(kSignatureFile) + ".tmp-") || !is_temporary_name(name))
    return false;
  std::string path = (fs::path(folder) / name).string();
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0 && !temporary_is_alive(name, status)) remove_file(path);
  return true;
}

}  // namespace

FolderListing list_signed_folder(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    fail(ExitCode::kUsage, "{}: no such folder", printable(folder, 1000));
  return Lister(folder).list();
}

SignedFiles hash_signed_folder(const std::string& folder, const FolderListing& listing,
                               unsigned threads, Reporter& reporter) {
  std::uint64_t total = 0;
  for (const FolderListing::File& file : listing.files)
    total += file.size;
  std::vector<Digest> digests(listing.files.size());
  reporter.begin("hash", total);
  parallel_for(
      threads == 0 ? default_threads() : threads, digests.size(), [&](std::size_t i, unsigned) {
        digests[i] = hash_file((fs::path(folder) / listing.files[i].name).string(), reporter);
      });
  reporter.end();
  SignedFiles files;
  for (std::size_t i = 0; i < digests.size(); i++)
    files.emplace(listing.files[i].name, digests[i]);
  return files;
}

std::size_t sign_folder(const std::string& folder, const std::string& key_path, unsigned threads,
                        Reporter& reporter) {
  FolderListing listing = list_signed_folder(folder);
  if (!listing.refused.empty())
    bad_input("{}/{}: {}; it can't be signed", printable(folder, 1000),
              printable(listing.refused.front().first), listing.refused.front().second);
  // A signature can't name itself, nor what a killed run left of one.
  std::erase_if(listing.files, [&](const auto& file) {
    return file.name == kSignatureFile || remove_leftover(folder, file.name);
  });
  if (listing.files.empty())
    bad_input("{}: the folder has no files to sign", printable(folder, 1000));
  PrivateKey key = PrivateKey::read(key_path, reporter);
  SignedFiles files = hash_signed_folder(folder, listing, threads, reporter);
  std::error_code error;
  fs::path real = fs::canonical(folder, error);
  if (error) io_error(folder, "resolve", error.value());
  write_file_atomically((real / kSignatureFile).string(),
                        sign_files(files, real.filename().string(), key));
  return files.size();
}

}  // namespace mlc
