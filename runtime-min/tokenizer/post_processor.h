// The special tokens that a tokenizer puts around a text: the "post_processor" of tokenizer.json,
// as far as it concerns one text by itself.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime-min/tokenizer/json_node.h"

namespace mlc {

struct SpecialAround {
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
};

// Types: TemplateProcessing, ByteLevel (adds nothing), Sequence, BertProcessing,
// RobertaProcessing. Error(kBadInput), naming the place.
SpecialAround read_post_processor(const JsonNode& node);

}  // namespace mlc
