#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/http_url.h"
#include "base/hub_address.h"

namespace mlc {
namespace {

constexpr long kMaxSilence = 3600;
constexpr std::uint64_t kMaxTokenFile = 64 * 1024;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string first_variable(const char* one, const char* other) {
  std::string value = variable(one);
  return value.empty() ? variable(other) : value;
}

// As huggingface_hub has it.
bool is_true(std::string value) {
  for (char& c : value)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Python's expandvars(expanduser(path)); a variable that is not set stays as it is written.
std::string expanded(const std::string& path) {
  std::string out;
  std::size_t at = 0;
  if (path == "~" || path.starts_with("~/")) {
    out = variable("HOME");
    at = 1;
  }
  while (at < path.size()) {
    if (path[at] != '$') {
      out += path[at++];
      continue;
    }
    bool braces = at + 1 < path.size() && path[at + 1] == '{';
    std::size_t from = at + (braces ? 2 : 1), to = from;
    while (to < path.size() && is_name_char(path[to]))
      to++;
    const char* value = nullptr;
    if (to > from && (!braces || (to < path.size() && path[to] == '}')))
      value = std::getenv(path.substr(from, to - from).c_str());
    if (value) {
      out += value;
      at = to + (braces ? 1 : 0);
    } else {
      out += path[at++];
    }
  }
  return out;
}

std::string stripped(std::string text) {
  auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.back()))
    text.pop_back();
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

// HF_HUB_DISABLE_IMPLICIT_TOKEN: only a token that is given in a call counts, and there is no such
// way here.
void find_token(HubEnvironment& out, const std::string& hf_home) {
  if (is_true(variable("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return;
  std::string token;
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    token = stripped(variable(name));
    out.token_is_from = name;
    if (!token.empty()) break;
  }
  if (token.empty()) {
    std::string path = variable("HF_TOKEN_PATH");
    if (path.empty() && hf_home.empty()) return;
    path = path.empty() ? hf_home + "/token" : expanded(path);
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return;
    token = stripped(read_file(path, kMaxTokenFile));
    out.token_is_from = path;
  }
  if (!is_token_text(token))
    fail(ExitCode::kUsage, "{}: expected a token without spaces and line ends",
         printable(out.token_is_from, 1024));
  out.token = Secret(std::move(token));
}

long seconds(const char* name) {
  std::string text = variable(name);
  if (text.empty()) return 10;
  long value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > kMaxSilence)
    fail(ExitCode::kUsage, "{}={}: expected a number of seconds", name, printable(text));
  return value;
}

}  // namespace

std::string HubEnvironment::access_hint() const {
  if (token.empty())
    return "if the model is gated or private, ask for access on its page and set HF_TOKEN; check "
           "its name";
  return fmt::format(
      "does the token in {} have access to this model? a gated one is asked for on "
      "its page",
      printable(token_is_from, 1024));
}

std::string cache_folder(const char* variable_name, std::string_view name) {
  if (std::string value = variable(variable_name); !value.empty()) return expanded(value);
  std::string base = variable("XDG_CACHE_HOME");
  if (!base.empty()) return fmt::format("{}/{}", expanded(base), name);
  base = variable("HOME");
  return base.empty() ? "" : fmt::format("{}/.cache/{}", base, name);
}

long download_timeout() { return seconds("HF_HUB_DOWNLOAD_TIMEOUT"); }

HubEnvironment hub_environment() {
  HubEnvironment out;
  out.endpoint = variable("HF_ENDPOINT");
  if (out.endpoint.empty()) out.endpoint = "https://huggingface.co";
  while (out.endpoint.ends_with('/'))
    out.endpoint.pop_back();
  out.origin = http_origin(out.endpoint);
  if (out.origin.empty() || out.endpoint.find_first_of("?#") != std::string::npos)
    fail(ExitCode::kUsage, "HF_ENDPOINT={}: expected an https:// address", printable(out.endpoint));
  std::string hf_home = cache_folder("HF_HOME", "huggingface");
  out.cache = first_variable("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE");
  if (!out.cache.empty())
    out.cache = expanded(out.cache);
  else if (!hf_home.empty())
    out.cache = hf_home + "/hub";
  out.offline = is_true(first_variable("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"));
  out.ask_seconds = seconds("HF_HUB_ETAG_TIMEOUT");
  out.silence_seconds = download_timeout();
  find_token(out, hf_home);
  return out;
}

}  // namespace mlc
