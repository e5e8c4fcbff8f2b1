// Tokens that are found in a text before anything else looks at it: the "added_tokens" of
// tokenizer.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-min/tokenizer/normalizer.h"
#include "runtime-min/tokenizer/pattern.h"
#include "runtime-min/tokenizer/trie.h"
#include "runtime-min/tokenizer/vocabulary.h"

namespace mlc {

class AddedTokens {
 public:
  // `node` may be absent. The model's ids come first: a token that the vocabulary has keeps its id.
  // Tokens with "normalized" are looked for in normalized text, and normalized themselves.
  AddedTokens(const std::optional<JsonNode>& node, const Vocabulary& model,
              const Normalizer* normalizer);

  struct Part {
    Span span;
    std::optional<std::int32_t> id;  // nothing: text between tokens
  };
  // Cuts a text: the longest token at the first place that has one, and so on.
  std::vector<Part> cut_raw(std::string_view text) const { return cut(text, raw_); }
  std::vector<Part> cut_normalized(std::string_view text) const { return cut(text, normalized_); }

  // Texts and ids of those that the model's vocabulary does not have, too.
  const Vocabulary& vocabulary() const { return vocabulary_; }
  bool is_special(std::string_view text) const { return special_.find(text) != Vocabulary::kNone; }

 private:
  struct Token {
    std::int32_t id;
    bool single_word;
    bool lstrip;
    bool rstrip;
  };
  void add(const JsonNode& node, const Vocabulary& model, const Normalizer* normalizer);
  std::vector<Part> cut(std::string_view text, const Trie& trie) const;
  bool is_word_at_end(std::string_view text) const;
  bool is_word_at_start(std::string_view text) const;

  Vocabulary vocabulary_;
  Vocabulary special_;
  std::vector<Token> tokens_;  // by the value in the tries
  Trie raw_;
  Trie normalized_;
  std::optional<Pattern> word_;
};

}  // namespace mlc
