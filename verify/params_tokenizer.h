// The tokenizer files of a model folder against its config and its embedding.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime-min/tokenizer/tokenizer.h"
#include "verify/params_config.h"
#include "verify/params_records.h"

namespace mlc {

struct TokenizerFacts {
  std::unique_ptr<Tokenizer> tokenizer;  // null: none that can be read
  std::string eos_token;                 // of tokenizer_config.json; empty: it names none
};

TokenizerFacts check_tokenizer(const std::string& folder, const ChatConfig& config,
                               const RecordsOutcome& records, VerifyReport& report);

}  // namespace mlc
