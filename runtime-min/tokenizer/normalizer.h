// What a tokenizer changes in a text before it splits it: the "normalizer" of tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runtime-min/tokenizer/json_node.h"

namespace mlc {

class Normalizer {
 public:
  Normalizer() = default;
  virtual ~Normalizer() = default;
  Normalizer(const Normalizer&) = delete;
  Normalizer& operator=(const Normalizer&) = delete;
  virtual std::string apply(std::string_view text) const = 0;
};

// Error(kBadInput), naming the place: a type that is not known, a parameter that is missing.
std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node);

// SentencePiece's table of replacements (precompiled.cc).
std::unique_ptr<Normalizer> make_precompiled(const JsonNode& node);

}  // namespace mlc
