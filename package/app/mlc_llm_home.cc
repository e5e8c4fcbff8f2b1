#include "package/app/mlc_llm_home.h"

#include <cstdlib>

#include "base/error.h"

namespace mlc {

namespace {

constexpr std::string_view kHub = "HF://";
constexpr std::string_view kHubUrl = "https://huggingface.co/";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string mlc_llm_home() {
  if (std::string home = environment("MLC_LLM_HOME"); !home.empty()) return home;
  if (std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) return cache + "/mlc_llm";
  if (std::string home = environment("HOME"); !home.empty()) return home + "/.cache/mlc_llm";
  fail(ExitCode::kUsage, "none of MLC_LLM_HOME, XDG_CACHE_HOME and HOME is set");
}

std::string app_model_url(std::string_view model) {
  std::string url(model);
  // Wherever it stands, as mlc_llm replaces it.
  for (std::size_t at = url.find(kHub); at != url.npos; at = url.find(kHub, at + kHubUrl.size()))
    url.replace(at, kHub.size(), kHubUrl);
  return url;
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:@%,";
  if (!text.empty() && text.find_first_not_of(kPlain) == text.npos) return std::string(text);
  std::string out = "'";
  for (char c : text)
    out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

}  // namespace mlc
