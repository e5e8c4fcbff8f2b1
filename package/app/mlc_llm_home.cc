#include "package/app/mlc_llm_home.h"

#include "base/error.h"
#include "base/hub_address.h"

namespace mlc {

namespace {

constexpr std::string_view kHub = "HF://";
constexpr std::string_view kHubUrl = "https://huggingface.co/";

}  // namespace

std::string mlc_llm_home() {
  std::string home = cache_folder("MLC_LLM_HOME", "mlc_llm");
  if (home.empty()) fail(ExitCode::kUsage, "none of MLC_LLM_HOME, XDG_CACHE_HOME and HOME is set");
  return home;
}

std::string app_model_url(std::string_view model) {
  std::string url(model);
  // Wherever it stands, as mlc_llm replaces it.
  for (std::size_t at = url.find(kHub); at != url.npos; at = url.find(kHub, at + kHubUrl.size()))
    url.replace(at, kHub.size(), kHubUrl);
  return url;
}

}  // namespace mlc
