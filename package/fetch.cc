#include "package/fetch.h"

#include <algorithm>

#include "base/error.h"
#include "convert/checkpoint_files.h"
#include "package/hub/hub_pull.h"

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

}  // namespace

std::string local_folder(const std::string& model, Fetch what, Reporter& reporter,
                         const std::string& source_format) {
  if (is_hub_address(model)) return from_hub(model, what, reporter, source_format);
  return model;
}

}  // namespace mlc
