#include "package/hub/hub_copy.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <random>
#include <vector>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = std::size_t{1} << 20;

bool clone(const std::string& from, const std::string& to) {
  int in = open(from.c_str(), O_RDONLY | O_CLOEXEC);
  int out = in < 0 ? -1 : open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  bool done = out >= 0 && ioctl(out, FICLONE, in) == 0 && fsync(out) == 0;
  if (in >= 0) close(in);
  if (out >= 0) close(out);
  if (out >= 0 && !done) unlink(to.c_str());
  return done;
}

void copy_file(const std::string& from, const std::string& to, Reporter& reporter) {
  InputFile in(from);
  if (clone(from, to)) return reporter.advance(in.size());
  OutputFile out(to, in.size());
  std::vector<std::byte> block(
      static_cast<std::size_t>(std::clamp<std::uint64_t>(in.size(), 1, kBlock)));
  for (std::uint64_t at = 0; at < in.size();) {
    throw_if_cancelled();
    auto part = std::span(block).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), in.size() - at)));
    in.read(at, part);
    out.write(at, part);
    at += part.size();
    reporter.advance(part.size());
  }
  out.sync();
  out.close();
}

void make_folders(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) io_error(path, "create folder", error.value());
}

void fill(const HubSnapshot& snapshot, const std::string& folder, Reporter& reporter) {
  make_folders(folder);
  std::vector<std::string> folders = {folder};
  for (const std::string& name : snapshot.files) {
    const std::string to = folder + "/" + name;
    const std::string parent = fs::path(to).parent_path().string();
    make_folders(parent);
    copy_file(snapshot.folder + "/" + name, to, reporter);
    for (std::string up = parent; up.size() > folder.size(); up = fs::path(up).parent_path())
      folders.push_back(up);
  }
  std::sort(folders.begin(), folders.end());
  folders.erase(std::unique(folders.begin(), folders.end()), folders.end());
  for (const std::string& one : folders)
    sync_folder(one);
}

}  // namespace

void copy_snapshot(const HubSnapshot& snapshot, const std::string& output, Reporter& reporter) {
  std::string path = output;
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  std::error_code error;
  if (fs::exists(path, error) && !(fs::is_directory(path, error) && fs::is_empty(path, error)))
    fail(ExitCode::kUsage, "{}: is there already; name a new folder", printable(path, 1024));
  fs::path parent = fs::absolute(path).parent_path();
  make_folders(parent.string());
  const std::string partial =
      fmt::format("{}.tmp-{}-{:08x}", path, getpid(), std::random_device()());
  reporter.begin("copy", snapshot.bytes);
  try {
    fill(snapshot, partial, reporter);
    rename_file(partial, path);
  } catch (...) {
    fs::remove_all(partial, error);
    throw;
  }
  sync_folder(parent.string());
  reporter.end();
}

}  // namespace mlc
