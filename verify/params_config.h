// mlc-chat-config.json of a model folder, read back.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "models/model_config.h"
#include "quantize/quantization.h"
#include "verify/files_index.h"
#include "verify/verify.h"

namespace mlc {

struct ChatConfig {
  std::string path;
  Json json;
  ModelConfig model;                           // of model_config
  const Quantization* quantization = nullptr;  // null: the config names none that is known
};

// None after a finding (P01, P02). An unknown quantization is P03, with those that would fit.
std::optional<ChatConfig> read_chat_config(const VerifyOptions& options,
                                           const std::optional<FolderIndex>& index,
                                           VerifyReport& report);

// The model of `fields`, a model_config; `extra` holds what the checkpoint's own config.json says
// beyond them (null: nothing). Throws as read_model_config().
ModelConfig model_of_fields(Json fields, const Json& extra, const std::string& path,
                            const std::string& model_type);

}  // namespace mlc
