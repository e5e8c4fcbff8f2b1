// The conversation template of a config against its name, the tokenizer and the checkpoint's own
// chat template.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verify/params_config.h"
#include "verify/params_tokenizer.h"

namespace mlc {

void check_conv_template(const VerifyOptions& options, const ChatConfig& config,
                         const TokenizerFacts& facts, VerifyReport& report);

// conv_template's name; empty if it has none. Configs from 2024 hold the name alone.
std::string conv_template_name(const Json& chat_config);
// conv_template's stop_token_ids, or those of the registered template of that name.
std::vector<std::int64_t> stop_token_ids(const Json& chat_config);

}  // namespace mlc
