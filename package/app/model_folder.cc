#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/relative_path.h"
#include "package/app/mlc_llm_home.h"
#include "package/fetch.h"

namespace mlc {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHub = "HF://";
constexpr std::string_view kHubUrl = "https://huggingface.co/";

bool holds_model(const std::string& folder) {
  std::error_code ignored;  // a folder that can't be looked into holds none
  return fs::exists(folder + "/mlc-chat-config.json", ignored);
}

// "user/name" of an address of the hub; empty for anything else.
std::string hub_name(const std::string& model) {
  std::string_view rest = model;
  if (rest.starts_with(kHub))
    rest.remove_prefix(kHub.size());
  else if (rest.starts_with(kHubUrl))
    rest.remove_prefix(kHubUrl.size());
  else
    return "";
  std::string_view plain = rest.substr(0, rest.find('@'));  // a revision
  std::size_t slash = plain.find('/');
  if (slash == plain.npos || plain.find('/', slash + 1) != plain.npos ||
      !relative_path_problem(plain).empty())
    bad_input("\"{}\" is no model of the hub; expected HF://user/name", printable(model));
  return std::string(rest);
}

std::string downloaded(const std::string& name) {
  const char* folders = std::getenv("MLC_LLM_READONLY_WEIGHT_CACHE");
  const std::string readonly = folders == nullptr ? "" : folders;
  for (std::size_t at = 0; at < readonly.size();) {
    std::size_t end = std::min(readonly.find(':', at), readonly.size());
    std::string folder = readonly.substr(at, end - at) + "/hf/" + name;
    if (end > at && holds_model(folder)) return folder;
    at = end + 1;
  }
  const std::string home = cache_folder("MLC_LLM_HOME", "mlc_llm");
  std::string folder = home + "/model_weights/hf/" + name;
  return !home.empty() && holds_model(folder) ? folder : "";
}

}  // namespace

AppModelFolder app_model_folder(const std::string& model, Reporter& reporter) {
  AppModelFolder folder{.path = model};
  if (std::string name = hub_name(model); !name.empty()) {
    folder.path = downloaded(name);
    if (folder.path.empty())
      folder = {local_folder(std::string(kHub) + name, Fetch::kAll, reporter), Links::kHubSnapshot};
  } else if (is_model_address(model)) {
    folder.path = local_folder(model, Fetch::kAll, reporter);
  } else if (model.starts_with("https://")) {
    bad_input("\"{}\" is no model of the hub; expected HF://user/name", printable(model));
  }
  if (!holds_model(folder.path))
    bad_input(
        "{}: no mlc-chat-config.json in it; expected a folder that convert_weight and gen_config "
        "wrote",
        printable(folder.path, 1024));
  return folder;
}

}  // namespace mlc
