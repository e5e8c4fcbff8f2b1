// A template cut into tokens, as Jinja does with trim_blocks and lstrip_blocks: the line break
// after a block or comment goes, and so does the white space in front of one that begins a line.
// "-" and
// "+" at a tag's edges override both.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "genconfig/jinja/run.h"

namespace mlc::jinja {

enum class TokenKind : std::uint8_t {
  kData,           // text to be copied
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kName,
  kString,  // text: the value, escapes resolved
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::size_t line = 1;
  std::string text;
  bool is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
  bool is_op(std::string_view t) const { return is(TokenKind::kOperator, t); }
  bool is_name(std::string_view t) const { return is(TokenKind::kName, t); }
};

// Valid UTF-8. The last token is kEnd. Errors go through `run`, whose line is set.
std::vector<Token> tokenize(Run& run, std::string_view source);

}  // namespace mlc::jinja
