// mlc-chat-config.json and the tokenizer files as gen_config makes them of the source, and the plan
// as convert_weight makes it, against what the folder has.
#pragma once

#include <optional>

#include "verify/files_index.h"
#include "verify/params_config.h"

namespace mlc {

void check_against_source(const VerifyOptions& options, const ChatConfig& config,
                          const std::optional<FolderIndex>& index, VerifyReport& report);

}  // namespace mlc
