// --conv-template auto: which of the conversation templates a checkpoint was made for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "genconfig/chat_template.h"
#include "genconfig/conv_template.h"
#include "genconfig/stop_tokens.h"
#include "models/model_config.h"

namespace mlc {

struct TemplateHints {
  const ModelConfig& model;
  std::string name;  // _name_or_path of config.json, or the preset's name
  const ChatTemplateSource* chat_template = nullptr;  // null: the checkpoint has none
  const SpecialTokens& special;
  std::vector<std::int64_t> eos_ids;  // of generation_config.json and config.json
};

struct TemplateChoice {
  const ConvTemplate* row = nullptr;
  std::string rule;  // "model_type llama, and chat_template has <|start_header_id|>"
};

// The first of a table of rules that holds; else, where the checkpoint has a chat_template, the
// template that gives the same text and stops at a token that the checkpoint's files name.
// Error(kBadInput) if none does, with the three templates that are nearest.
TemplateChoice choose_conv_template(const TemplateHints& hints);

}  // namespace mlc
