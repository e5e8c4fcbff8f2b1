// Splits a template into literal text and {expression} holes; at compile time for the checks, at
// run time to fill it in.
#pragma once

#include <string_view>

namespace mlc {

struct TemplatePart {
  std::string_view literal;
  std::string_view hole = {};  // without braces; empty: none (the template's end)
  std::string_view rest = {};
  bool bad = false;  // unbalanced or empty braces
};

// The text up to the first hole, that hole, and what follows.
constexpr TemplatePart next_part(std::string_view text) {
  std::size_t open = text.find('{');
  std::size_t stray = text.find('}');
  if (open == std::string_view::npos)
    return {.literal = text, .bad = stray != std::string_view::npos};
  std::size_t close = text.find('}', open);
  if (stray < open || close == std::string_view::npos || close == open + 1)
    return {.literal = text, .bad = true};
  return {.literal = text.substr(0, open),
          .hole = text.substr(open + 1, close - open - 1),
          .rest = text.substr(close + 1)};
}

}  // namespace mlc
