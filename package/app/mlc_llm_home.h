// What mlc_llm keeps on a machine, and where it looks for it.
#pragma once

#include <string>
#include <string_view>

#include "base/reporter.h"
#include "package/model_files.h"

namespace mlc {

// $MLC_LLM_HOME, else $XDG_CACHE_HOME/mlc_llm, else ~/.cache/mlc_llm. Error(kUsage) without any.
std::string mlc_llm_home();

struct AppModelFolder {
  std::string path;
  Links links = Links::kRefuse;  // what links in it may be
};

// The folder of a model of an app's config: the folder itself; for HF://user/name, and
// https://huggingface.co/user/name, one that mlc_llm has downloaded (in each folder of
// MLC_LLM_READONLY_WEIGHT_CACHE, then in MLC_LLM_HOME/model_weights), else the hub's snapshot; for
// oci:// the package (package/fetch.h). Error(kBadInput): no mlc-chat-config.json in it, another
// address.
AppModelFolder app_model_folder(const std::string& model, Reporter& reporter);

// "https://huggingface.co/user/name" for "HF://user/name"; anything else as it is.
std::string app_model_url(std::string_view model);

}  // namespace mlc
