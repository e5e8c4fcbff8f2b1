// {"String": ...} or {"Regex": ...} in a tokenizer.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-min/tokenizer/json_node.h"
#include "runtime-min/tokenizer/pattern.h"

namespace mlc {

// A text, searched as it is, or a regular expression.
class TextPattern {
 public:
  explicit TextPattern(std::string literal) : literal_(std::move(literal)) {}
  explicit TextPattern(Pattern pattern) : pattern_(std::move(pattern)) {}

  std::vector<Match> cut(std::string_view text) const;
  // Error(kBadInput): far more text than before, as hostile replacements of replacements make.
  std::string replace(std::string_view text, std::string_view content) const;

 private:
  std::string literal_;  // not empty when there is no pattern
  std::optional<Pattern> pattern_;
};

// Replacements may make a text longer, within limits: Error(kBadInput) beyond 8 times and 256 MiB.
void check_growth(std::size_t before, std::size_t after);

// A bare string is taken too, as a text. An empty text is Error(kBadInput).
TextPattern pattern_of(const JsonNode& node);

}  // namespace mlc
