// Reads what mlc-chat-config.json says about a tokenizer.json, in one pass over files of 10 MB and
// more: simdjson checks and parses, and only the parts that matter here are looked at. As strict as
// base/json.h: what that refuses is refused here, with its message.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "genconfig/tokenizer_files.h"

namespace mlc {

struct TokenizerJson {
  TokenizerInfo info;
  // Different strings in the vocabulary, the added tokens and `also`; nothing without a vocabulary.
  std::optional<std::uint64_t> tokens;
  std::vector<std::pair<std::string, std::int64_t>> added;  // texts and ids
  std::vector<std::string> warnings;
};

// `also`: tokens that tokenizer_config.json adds. Error(kBadInput), naming `where`: not JSON, parts
// of the wrong type, a token id that is no integer of 31 bits, two added tokens of the same
// content.
TokenizerJson read_tokenizer_json(const std::string& text, const std::string& where,
                                  std::span<const std::string> also);

}  // namespace mlc
