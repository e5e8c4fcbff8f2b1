#include "package/app/staged_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "package/model_files.h"

namespace mlc {

namespace {

namespace fs = std::filesystem;

// Files that stay, by a second name: a folder is replaced as a whole.
void keep_files(const std::string& from, const std::string& to) {
  std::error_code error;
  for (fs::directory_iterator it(from, error), end; !error && it != end; it.increment(error)) {
    if (it->symlink_status(error).type() != fs::file_type::regular) continue;
    std::string target = to + "/" + it->path().filename().string();
    if (::link(it->path().c_str(), target.c_str()) != 0) io_error(target, "link", errno);
  }
  if (error && error != std::errc::no_such_file_or_directory) io_error(from, "list", error.value());
}

void sync_folders(const std::string& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    if (it->is_directory(error) && !it->is_symlink(error)) sync_folder(it->path().string());
  if (error) io_error(folder, "list", error.value());
  sync_folder(folder);
}

}  // namespace

StagedFolder::StagedFolder(const std::string& out) : out_(out), folder_(out, false) {}

std::string StagedFolder::staged_path(const std::string& name) const {
  return folder_.partial_path("new/" + name);
}

void StagedFolder::make_parents(const std::string& path) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) io_error(path, "create its folder", error.value());
}

std::string StagedFolder::add_folder(const std::string& name, bool keep) {
  std::string staged = staged_path(name);
  make_parents(staged + "/x");
  if (keep) keep_files(out_ + "/" + name, staged);
  units_.push_back(name);
  return staged;
}

void StagedFolder::write(const std::string& name, std::string_view bytes) {
  std::string path = staged_path(name);
  make_parents(path);
  std::error_code ignored;  // a file that was kept; creating says what is wrong
  fs::remove(path, ignored);
  OutputFile file(path, bytes.size());
  file.write(0, std::as_bytes(std::span(bytes)));
  file.sync();
  file.close();
  written_[name] = {Digest::of(bytes), bytes.size()};
}

void StagedFolder::copy_files(const std::string& from, const std::string& name, Reporter& reporter,
                              Links links) {
  std::vector<ModelFile> files = list_model_files(from, links);
  std::uint64_t total = 0;
  for (const ModelFile& file : files)
    total += file.size;
  make_parents(staged_path(name) + "/x");
  reporter.begin(fmt::format("copying {}", printable(from, 200)), total);
  for (const ModelFile& file : files) {
    std::string target = name + "/" + file.name;
    std::string path = staged_path(target);
    make_parents(path);
    OutputFile out(path, file.size);
    std::uint64_t at = 0;
    Digest digest = read_model_file(
        from, file,
        [&](std::span<const std::byte> block) {
          throw_if_cancelled();
          out.write(at, block);
          at += block.size();
          reporter.advance(block.size());
        },
        links);
    out.sync();
    out.close();
    written_[target] = {digest, file.size};
  }
  reporter.end();
}

void StagedFolder::copy_file(const std::string& from, const std::string& name) {
  InputFile in(from);
  std::string path = staged_path(name);
  make_parents(path);
  std::error_code ignored;  // a file that was kept; creating says what is wrong
  fs::remove(path, ignored);
  OutputFile out(path, in.size());
  Sha256 hash;
  std::vector<std::byte> block(std::size_t{1} << 20);
  for (std::uint64_t at = 0; at < in.size(); at += block.size()) {
    throw_if_cancelled();
    std::span<std::byte> part(block.data(), std::min<std::uint64_t>(block.size(), in.size() - at));
    in.read(at, part);
    hash.update(part);
    out.write(at, part);
  }
  out.sync();
  out.close();
  written_[name] = {Digest(hash.finish()), in.size()};
}

void StagedFolder::count_files(const std::string& name) {
  for (const ModelFile& file : list_model_files(staged_path(name)))
    written_[name + "/" + file.name] = {
        read_model_file(staged_path(name), file, [](std::span<const std::byte>) {}), file.size};
}

void StagedFolder::drop(const std::string& name) {
  std::error_code error;
  fs::remove(staged_path(name), error);
  if (error) io_error(staged_path(name), "remove", error.value());
}

void StagedFolder::put(const std::string& name) {
  const std::string staged = staged_path(name);
  const std::string place = out_ + "/" + name;
  std::error_code error;
  fs::create_directories(fs::path(place).parent_path(), error);
  if (error) io_error(place, "create its folder", error.value());
  if (!fs::is_directory(staged)) {
    rename_file(staged, place);
  } else if (::renameat2(AT_FDCWD, staged.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE) != 0) {
    // Nothing to exchange with, or a file system that can't: then the place is empty for a moment.
    int why = errno;
    if (why != ENOENT && why != EINVAL && why != ENOSYS && why != ENOTSUP)
      io_error(place, "replace", why);
    if (fs::exists(fs::symlink_status(place)))
      rename_file(place, folder_.partial_path(fmt::format("old-{}", units_.size())));
    rename_file(staged, place);
  }
  sync_folder(fs::path(place).parent_path().string());
}

void StagedFolder::commit() {
  throw_if_cancelled();
  Json files = Json::object();
  for (const auto& [name, one] : written_)
    files.set(name, Json::object().set("size", one.size).set("sha256", one.digest.hex()));
  sync_folders(folder_.partial_path("new"));
  const std::string digests = out_ + "/" + std::string(kBundleDigests);
  std::error_code ignored;
  if (fs::exists(digests, ignored)) {
    remove_file(digests);
    sync_folder(out_);
  }
  for (const std::string& unit : units_)
    put(unit);
  write_file_atomically(digests,
                        dump_json(Json::object().set("version", 1).set("files", files), 2) + "\n");
}

}  // namespace mlc
