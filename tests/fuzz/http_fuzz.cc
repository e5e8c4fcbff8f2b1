// What servers say in headers, and references: nothing that is read leads to another place than
// what was checked.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/http_download.h"
#include "base/http_retry.h"
#include "base/http_url.h"
#include "package/registry/auth.h"
#include "package/registry/reference.h"
#include "package/registry/upload.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlc;
  std::string text(reinterpret_cast<const char*>(data), size);
  const std::string base = "https://registry.example/v2/a/blobs/b?c=d";

  std::string next = resolve_url(base, text);
  if (!next.empty()) {
    // What is checked is what stays when it is taken apart again.
    std::string origin = http_origin(next);
    if (origin.empty() || http_origin(origin + "/") != origin || http_host(next).empty())
      __builtin_trap();
    if (next.find_first_of("\r\n") != std::string::npos) __builtin_trap();
    if (resolve_url(base, next) != next && http_origin(resolve_url(base, next)) != origin)
      __builtin_trap();
  }
  std::string shown = shown_url(text);
  if (shown.find_first_of("?#\r\n\x1b") != std::string::npos) __builtin_trap();

  for (const AuthChallenge& challenge : parse_challenges(text))
    if (challenge.scheme.empty()) __builtin_trap();
  if (auto range = parse_content_range(text); range && range->begin >= range->end) __builtin_trap();
  if (auto seconds = parse_retry_after(text, 1'000'000'000); seconds && *seconds < 0)
    __builtin_trap();
  parse_upload_range(text);
  try {
    RegistryReference reference = parse_registry_reference(text);
    if (parse_registry_reference(reference.text()).text() != reference.text()) __builtin_trap();
    if (http_origin("https://" + reference.host + "/").empty()) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ExitCode::kUsage && error.code() != ExitCode::kBadInput &&
        error.code() != ExitCode::kUnsupported)
      __builtin_trap();
  }
  return 0;
}
