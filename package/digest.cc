#include "package/digest.h"

#include <algorithm>

#include "base/error.h"

namespace mlc {

Digest Digest::parse(std::string_view text, std::string_view where) {
  constexpr std::string_view kPrefix = "sha256:";
  if (text.starts_with("sha512:"))
    fail(ExitCode::kUnsupported, "{}: a sha512 digest; only sha256 is taken", where);
  std::string_view digits = text.substr(std::min(text.size(), kPrefix.size()));
  const bool plain = std::all_of(digits.begin(), digits.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!text.starts_with(kPrefix) || digits.size() != 64 || !plain)
    bad_input("{}: \"{}\" is no digest; expected sha256: and 64 lower-case hexadecimal digits",
              where, printable(text));
  Digest out;
  out.hex_ = digits;
  return out;
}

Digest Digest::of(std::string_view bytes) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(bytes)));
  return Digest(hash.finish());
}

}  // namespace mlc
