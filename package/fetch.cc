#include "package/fetch.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "convert/checkpoint_files.h"
#include "package/hub/hub_pull.h"
#include "package/package.h"
#include "package/registry/reference.h"
#include "package/registry/registry.h"

namespace mlc {
namespace {

using Names = std::vector<std::string>;

// Names of a repository as one folder of it sees them.
class Part {
 public:
  // `place` is a file or a folder of the repository, or empty.
  Part(const std::string& shown, const std::string& place, const Names& names) {
    if (place.empty()) {
      here_ = names;
      return;
    }
    bool is_file = std::find(names.begin(), names.end(), place) != names.end();
    std::size_t slash = place.rfind('/');
    if (!is_file)
      prefix_ = place + "/";
    else if (slash != std::string::npos)
      prefix_ = place.substr(0, slash + 1);
    if (is_file) file_ = place.substr(prefix_.size());
    for (const std::string& name : names)
      if (name.starts_with(prefix_)) here_.push_back(name.substr(prefix_.size()));
    if (here_.empty())
      fail(ExitCode::kNetwork, "{}: holds no file or folder {}", shown, printable(place));
  }

  const std::string& prefix() const { return prefix_; }
  const std::string& file() const { return file_; }  // empty: the folder
  const Names& here() const { return here_; }
  // Without those in folders below.
  Names files() const {
    Names out;
    std::copy_if(here_.begin(), here_.end(), std::back_inserter(out),
                 [](const std::string& n) { return n.find('/') == std::string::npos; });
    return out;
  }

 private:
  std::string prefix_, file_;
  Names here_;
};

Names choose(const HubAddress& hub, Fetch what, const std::string& format, const Names& names,
             const HubPullOptions::ReadText& read) {
  Part part(hub.shown(), hub.file, names);
  Names chosen = part.here();
  if (what == Fetch::kConfig || what == Fetch::kCheckpoint) chosen = config_files(part.files());
  if (what == Fetch::kCheckpoint) {
    // config.json is no weights: it stands for its folder.
    std::string file = config_files({part.file()}).empty() ? part.file() : "";
    Names weights = weight_files(hub.shown(), part.files(), file, format,
                                 [&](const std::string& n) { return read(part.prefix() + n); });
    chosen.insert(chosen.end(), weights.begin(), weights.end());
  }
  if (!part.file().empty()) chosen.push_back(part.file());
  for (std::string& name : chosen)
    name = part.prefix() + name;
  return chosen;
}

std::string from_hub(const std::string& address, Fetch what, Reporter& reporter,
                     const std::string& source_format) {
  HubAddress hub = parse_hub_address(address);
  HubPullOptions options;
  options.choose = [&](const Names& names, const HubPullOptions::ReadText& read) {
    return choose(hub, what, source_format, names, read);
  };
  HubSnapshot snapshot = pull_hub(address, options, reporter);
  return hub.file.empty() ? snapshot.folder : snapshot.folder + "/" + hub.file;
}

void make_parent(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) io_error(parent, "create folder", error.value());
}

// Unpacked once for each manifest, into a folder that appears as a whole.
std::string from_registry(const std::string& address, Fetch what, Reporter& reporter) {
  const std::string home = cache_folder("MLC_HOME", "mlc");
  if (home.empty())
    fail(ExitCode::kUsage, "{}: there is no place for a cache: set HOME or MLC_HOME",
         printable(address, 1024));
  RegistryReference reference = parse_registry_reference(address);
  const std::string store =
      fmt::format("{}/registry/{}/{}", home, reference.host, reference.repository);
  make_parent(store);
  TransferSummary pulled = pull(address, store, {}, reporter);
  const std::string package = fmt::format("{}:{}", store, pulled.tag);
  if (what == Fetch::kPackage) return package;
  const std::string folder = fmt::format("{}/models/sha256-{}", home, pulled.manifest.hex());
  std::error_code ignored;
  if (std::filesystem::exists(folder, ignored)) return folder;
  make_parent(folder);
  try {
    unpack({.package = package, .output = folder}, reporter);
  } catch (const Error&) {
    // Another process may have been quicker.
    if (!std::filesystem::exists(folder, ignored)) throw;
  }
  return folder;
}

}  // namespace

std::string local_folder(const std::string& model, Fetch what, Reporter& reporter,
                         const std::string& source_format) {
  if (is_hub_address(model)) return from_hub(model, what, reporter, source_format);
  if (is_model_address(model)) return from_registry(model, what, reporter);
  return model;
}

}  // namespace mlc
