// What turns one piece of text into tokens: the "model" of tokenizer.json.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "runtime-min/tokenizer/json_node.h"
#include "runtime-min/tokenizer/vocabulary.h"

namespace mlc {

class TokenModel {
 public:
  TokenModel() = default;
  virtual ~TokenModel() = default;
  TokenModel(const TokenModel&) = delete;
  TokenModel& operator=(const TokenModel&) = delete;
  // Appends the ids of a piece, which is not empty.
  virtual void encode(std::string_view piece, std::vector<std::int32_t>& ids) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
};

// BPE (bpe.cc), Unigram (unigram.cc), WordPiece and WordLevel (words.cc); a model without a type is
// told by its members. Error(kBadInput), naming the place.
std::unique_ptr<TokenModel> make_token_model(const JsonNode& node);

std::unique_ptr<TokenModel> make_bpe(const JsonNode& node);
std::unique_ptr<TokenModel> make_unigram(const JsonNode& node);
std::unique_ptr<TokenModel> make_word_piece(const JsonNode& node);
std::unique_ptr<TokenModel> make_word_level(const JsonNode& node);

// {"token": id, ...}
Vocabulary read_vocabulary(const JsonNode& node);
// The id of a token that the model names, as its unknown token.
std::uint32_t named_token(const JsonNode& name, const Vocabulary& vocabulary);

// The ids of "<0x00>" to "<0xFF>", kNone for those that are missing.
std::vector<std::uint32_t> byte_tokens(const Vocabulary& vocabulary);

}  // namespace mlc
