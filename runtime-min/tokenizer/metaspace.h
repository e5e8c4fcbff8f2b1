// SentencePiece's way with spaces, as pre-tokenizer and decoder share it: a space is a character of
// its own (▁), and a text or each part of it begins with one.
#pragma once

#include <cstdint>
#include <string>

#include "runtime-min/tokenizer/json_node.h"

namespace mlc {

struct Metaspace {
  enum class Prepend : std::uint8_t { kAlways, kFirst, kNever };
  std::string replacement;  // UTF-8 of one character
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};

Metaspace read_metaspace(const JsonNode& node);

}  // namespace mlc
