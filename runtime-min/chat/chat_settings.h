// What mlc-chat-config.json says about talking to the model: sampling, tokens, conversation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime-min/chat/prompt.h"
#include "runtime-min/chat/sampler.h"

namespace mlc {

struct ChatSettings {
  SamplingOptions sampling;  // its seed is the caller's
  std::optional<std::uint32_t> bos_token;
  std::vector<std::uint32_t> eos_tokens;
  std::int64_t context = 0;  // context_window_size; 0: not limited
};

// `config` is the file as a whole, `where` its path. Members that are missing or null keep the
// values above, as in MLC's runtimes. Error(kBadInput) for values out of range, by name.
ChatSettings read_chat_settings(const Json& config, const std::string& where);

}  // namespace mlc
