// How tokens become text again: the "decoder" of tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime-min/tokenizer/json_node.h"

namespace mlc {

// The tokens on their way: each decoder changes some, drops some or joins all.
struct TokenTexts {
  std::vector<std::string> texts;
  // tokens[0] is the first of a text. Otherwise what only happens at the start does not.
  bool at_start = true;
  // One token of a stream: bytes stay bytes, because what follows may complete them; and what only
  // happens at the end of a text does not.
  bool streaming = false;
  bool joined = false;  // Fuse has been here: `texts` is the text, no longer single tokens
};

class TokenDecoder {
 public:
  TokenDecoder() = default;
  virtual ~TokenDecoder() = default;
  TokenDecoder(const TokenDecoder&) = delete;
  TokenDecoder& operator=(const TokenDecoder&) = delete;
  virtual void apply(TokenTexts& tokens) const = 0;
};

// Error(kBadInput), naming the place: a type that is not known, a parameter that is missing.
std::unique_ptr<TokenDecoder> make_token_decoder(const JsonNode& node);

// Without a decoder, tokens are words: spaces between them.
std::unique_ptr<TokenDecoder> make_word_decoder();

}  // namespace mlc
