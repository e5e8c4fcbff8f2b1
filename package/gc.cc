#include "package/gc.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "package/beneath.h"
#include "package/oci/layout.h"
#include "package/oci/writer_lock.h"
#include "package/temporary_name.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartial = ".mlc-partial";
constexpr int kDepth = 4;

std::vector<fs::path> children_of(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    paths.push_back(it->path());
  if (error) io_error(folder.string(), "list", error.value());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

bool is_folder(const fs::path& path) {
  std::optional<struct stat> status = status_of(path);
  return status && S_ISDIR(status->st_mode);
}

bool is_blob_name(const std::string& name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Of all files below, links not followed.
std::uint64_t bytes_below(const fs::path& path) {
  std::optional<struct stat> status = status_of(path);
  if (!status) return 0;
  if (!S_ISDIR(status->st_mode)) return static_cast<std::uint64_t>(status->st_size);
  std::uint64_t bytes = 0;
  for (const fs::path& child : children_of(path))
    bytes += bytes_below(child);
  return bytes;
}

// Is a process holding flock on this file or folder?
bool is_locked(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  return fd.get() >= 0 && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

class Collector {
 public:
  Collector(const GcOptions& options, Reporter& reporter)
      : options_(options), reporter_(reporter) {}

  void place(const fs::path& folder) {
    // What stands beside an output under its name belongs to it.
    fs::path name = folder.filename();
    fs::path parent = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
    for (const fs::path& sibling : children_of(parent))
      if (!name.empty() && sibling.filename().string().starts_with(name.string() + ".tmp-"))
        temporary(sibling);
    if (is_folder(folder)) walk(folder, kDepth);
  }

  GcSummary summary;

 private:
  void walk(const fs::path& folder, int depth) {
    throw_if_cancelled();
    bool is_package = is_layout(folder.string()) || is_folder(folder / "blobs" / "sha256");
    if (is_package)
      layout(folder);
    else if (is_folder(folder / kPartial))
      output_folder(folder);
    for (const fs::path& child : children_of(folder)) {
      std::string name = child.filename().string();
      if (is_temporary_name(name))
        temporary(child);
      else if (depth > 0 && is_folder(child) && name != kPartial &&
               !(is_package && name == "blobs"))
        walk(child, depth - 1);
    }
  }

  void temporary(const fs::path& path) {
    std::optional<struct stat> status = status_of(path);
    std::string name = path.filename().string();
    if (!status || !is_temporary_name(name)) return;
    if (temporary_is_alive(name, *status) || is_locked(path))
      summary.busy.push_back(path.string());
    else
      remove(path, "output of a process that is gone");
  }

  // Of `mlc convert_weight` and `mlc gen_config` (base/output_folder.h), which lock it.
  void output_folder(const fs::path& folder) {
    if (is_locked(folder / kPartial / "lock"))
      summary.busy.push_back(folder.string());
    else
      remove(folder / kPartial, "unfinished files");
  }

  void layout(const fs::path& folder) {
    std::optional<WriterLock> lock;
    const bool had_partial = is_folder(folder / kPartial);
    try {
      lock.emplace(folder.string(), 0, nullptr);
    } catch (const Error&) {
      if (!is_folder(folder / kPartial)) throw;
      summary.busy.push_back(folder.string());
      return;
    }
    if (had_partial)
      for (const fs::path& child : children_of(folder / kPartial)) {
        std::string name = child.filename().string();
        if (!is_lock_name(name) && !is_partial_of_living_process(name))
          remove(child, "unfinished file");
      }
    blobs(folder);
  }

  void blobs(const fs::path& folder) {
    std::set<std::string> named;
    if (is_layout(folder.string()) && fs::exists(folder / "index.json")) {
      Layout layout(folder.string());
      if (!collect_named(layout, named)) {
        reporter_.warn(
            fmt::format("{}: its index names documents of unknown kinds; no blob is removed",
                        printable(folder.string(), 1024)));
        return;
      }
    }
    fs::path sha256 = folder / "blobs" / "sha256";
    if (!is_folder(sha256)) return;
    for (const fs::path& blob : children_of(sha256)) {
      std::string name = blob.filename().string();
      if (is_blob_name(name) && named.count(name) == 0) remove(blob, "blob that nothing names");
    }
    // A writer that was killed before its first tag.
    if (!fs::exists(folder / "index.json") && !options_.dry_run) {
      std::error_code ignored;
      fs::remove(sha256, ignored);
      fs::remove(folder / "blobs", ignored);
    }
  }

  // False: there is something whose references are not known.
  bool collect_named(const Layout& layout, std::set<std::string>& named) {
    for (const Descriptor& entry : layout.index().manifests) {
      if (entry.media_type != kManifestType) return false;
      named.insert(entry.digest.hex());
      Manifest manifest;
      try {
        manifest = layout.manifest(entry);
      } catch (const Error& error) {
        // What a damaged manifest names is unknown.
        if (!options_.check) throw;
        summary.damaged.push_back(error.what());
        return false;
      }
      std::vector<Descriptor> all = manifest.layers;
      all.push_back(manifest.config);
      for (const Descriptor& blob : all)
        if (named.insert(blob.digest.hex()).second && options_.check) check(layout, blob);
    }
    return true;
  }

  void check(const Layout& layout, const Descriptor& blob) {
    try {
      layout.stream(blob, [](std::span<const std::byte>) {});
    } catch (const Error& error) {
      if (error.code() != ExitCode::kVerify) throw;
      summary.damaged.push_back(error.what());
    }
  }

  void remove(const fs::path& path, std::string_view why) {
    std::uint64_t bytes = bytes_below(path);
    if (!options_.dry_run) {
      std::error_code error;
      fs::remove_all(path, error);
      if (error) io_error(path.string(), "remove", error.value());
    }
    summary.removed.push_back({path.string(), std::string(why), bytes});
    summary.bytes += bytes;
  }

  const GcOptions& options_;
  Reporter& reporter_;
};

}  // namespace

GcSummary collect_garbage(const GcOptions& options, Reporter& reporter) {
  Collector collector(options, reporter);
  for (const std::string& place : options.places) {
    std::string path = without_final_slashes(place);
    if (!is_folder(path) &&
        !is_folder(fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".")))
      fail(ExitCode::kUsage, "{}: no such folder", printable(place, 1024));
    collector.place(path);
  }
  return std::move(collector.summary);
}

}  // namespace mlc
