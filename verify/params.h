// Level *params*: does what the config promises agree with what the folder holds?
//
// The plan is made again from mlc-chat-config.json and compared with the records of the index; the
// tokenizer, the stop tokens and the conversation template are held against each other and against
// the size of the embedding. With a source, mlc-chat-config.json is made again from it and compared
// key by key: that finds what no shape can show (rotation base, epsilon). No weight is read.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "verify/verify.h"

namespace mlc {

enum class ParamRule : std::uint8_t {
  kNoConfig,
  kConfigDamaged,
  kUnknownQuantization,
  kMissing,
  kExtra,
  kShape,
  kDtype,
  kLayout,
  kConfigField,
  kQuantization,
  kOtherModel,
  kOrder,
  kVocabRows,
  kTokenizerMissing,
  kTokenizerUnchecked,
  kTokenizerSize,
  kTokenizerBeyond,
  kSpecialToken,
  kTokenUnknown,
  kStopTokenMissing,
  kTemplateMarks,
  kTemplateDiffers,
  kTemplateUnknown,
  kTemplateOther,
  kTemplateUnlike,
  kTokenizerInfo,
  kVocabSize,
  kConfigDiffers,
  kSettingDiffers,
  kTokenizerDiffers,
  kLongerContext,
  kSourceUnchecked,
};
inline constexpr std::size_t kParamRules = 32;

std::span<const FindingRule> param_rules();  // P01 to P32
const FindingRule& rule_of(ParamRule rule);

// The level; see RunLevel.
std::string verify_params(const VerifyOptions& options, VerifyReport& report, Reporter& reporter);

}  // namespace mlc
