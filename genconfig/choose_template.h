// --conv-template auto: which of the conversation templates a checkpoint was made for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "genconfig/conv_template.h"
#include "genconfig/stop_tokens.h"
#include "models/model_config.h"

namespace mlc {

struct TemplateHints {
  const ModelConfig& model;
  std::string name;           // _name_or_path of config.json, or the preset's name
  std::string chat_template;  // Jinja; empty: the checkpoint has none
  const SpecialTokens& special;
  std::vector<std::int64_t> eos_ids;  // of generation_config.json and config.json
};

struct TemplateChoice {
  const ConvTemplate* row = nullptr;
  std::string rule;  // "model_type llama, and chat_template has <|start_header_id|>"
};

// The first of a table of rules that holds. Error(kBadInput) if none does, with the three templates
// that are nearest.
TemplateChoice choose_conv_template(const TemplateHints& hints);

}  // namespace mlc
