// The name of a blob: the SHA-256 of its bytes, as OCI writes it. A Digest can only be made from
// bytes that were hashed or from text that was checked, so that no text from outside becomes part
// of a path unseen (CVE-2024-37032 and CVE-2026-7020 were exactly that).
#pragma once

#include <compare>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace mlc {

class Digest {
 public:
  Digest() = default;  // of nothing: 64 zeros
  explicit Digest(const Sha256Digest& bytes) : hex_(mlc::hex(bytes)) {}
  // "sha256:" and 64 lower-case hex digits; anything else is Error(kBadInput), and sha512, which
  // OCI knows too, Error(kUnsupported). `where` names the text in the message.
  static Digest parse(std::string_view text, std::string_view where);
  static Digest of(std::string_view bytes);

  const std::string& hex() const { return hex_; }
  std::string text() const { return "sha256:" + hex_; }
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a 0 in it
  auto operator<=>(const Digest&) const = default;

 private:
  std::string hex_ = std::string(64, '0');
};

}  // namespace mlc
