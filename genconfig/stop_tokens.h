// Which tokens end a model's turn, by everything that says so. A runtime stops only at those of the
// conversation template; where a checkpoint's files name others, its model talks on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "genconfig/chat_config.h"
#include "genconfig/conv_template.h"

namespace mlc {

// Special tokens of a checkpoint, as its small files tell them.
struct SpecialTokens {
  std::string bos, eos, pad;                              // texts; empty where none is named
  std::vector<std::pair<std::string, std::int64_t>> ids;  // text and id
};

// From tokenizer_config.json, added_tokens.json and special_tokens_map.json; `folder` may be empty.
// Parts of other types than expected count as absent: those files are passed on, not interpreted.
SpecialTokens read_special_tokens(const std::string& folder);

// The eos_token_id of all of them, each id once. Error(kBadInput): no integers.
std::vector<std::int64_t> eos_ids(std::span<const GenerationSource> generation);

struct StopTokens {
  std::vector<std::int64_t> all;              // the template's, then the others as they come
  std::vector<std::int64_t> beyond_template;  // those that the template lacks
  // Sentences about where the files disagree: one for each of beyond_template, then others.
  std::vector<std::string> findings;
};

StopTokens find_stop_tokens(const ConvTemplate& row, std::span<const GenerationSource> generation,
                            const SpecialTokens& special, std::int64_t vocab_size);

}  // namespace mlc
