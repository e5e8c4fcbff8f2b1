// Writes the tokenizer.json of a SentencePiece model: the text that Hugging Face's tokenizers saves
// after transformers has converted the model (docs/formats.md, "Tokenizer files").
//
// The merges of a BPE model are not stored in it; they follow from the pieces and their scores. A
// tie between merges of the same score goes to the longer left half, then the longer right half,
// the order that transformers has since 4.42; the older order gives other tokens for runs of
// spaces.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "genconfig/sentencepiece.h"
#include "genconfig/tokenizer_config.h"

namespace mlc {

enum class SentencePieceFamily : std::uint8_t { kLlama, kGemma, kGeneric };

struct ConvertedTokenizer {
  std::string json;
  std::vector<std::string> warnings;  // where the ids may differ from SentencePiece's own
};

// `where` and `config_where` name the two files in errors. Error(kBadInput): the config gives
// tokens ids that the conversion cannot give them.
ConvertedTokenizer sentencepiece_to_json(const SentencePieceModel& model,
                                         SentencePieceFamily family, const TokenizerConfig& config,
                                         const std::string& where, const std::string& config_where);

}  // namespace mlc
