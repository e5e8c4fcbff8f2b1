// mlc-chat-config.json, put together from its parts (docs/formats.md, "mlc-chat-config.json").
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "genconfig/conv_template.h"
#include "genconfig/tokenizer_files.h"
#include "models/model_config.h"

namespace mlc {

// A file of the checkpoint that may say how to sample: generation_config.json, config.json.
struct GenerationSource {
  std::string path;  // for messages
  Json json;         // an object
};

struct ChatConfigParts {
  const ModelConfig& model;  // read a second time, after the overrides
  std::string_view quantization;
  const TokenizerFiles& tokenizer;
  const ConvTemplate& conv_template;
  std::span<const GenerationSource> generation;    // the first that has a key wins
  std::span<const std::int64_t> more_stop_tokens;  // appended to the template's
  // Adds mean_gen_len, max_gen_len and shift_fill_factor, without which runtimes from before June
  // 2024 refuse a file; later ones ignore them.
  bool legacy = false;
};

// The keys in mlc_llm's order. Error(kBadInput) for sampling parameters that are no numbers and
// token ids that are no integers of 32 bits, or lists of them.
Json chat_config_json(const ChatConfigParts& parts);

// As json.dump(indent=2) writes it, without a final newline.
std::string chat_config_text(const Json& config);

}  // namespace mlc
