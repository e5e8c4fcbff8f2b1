// What the weights level may find, and how it judges its numbers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "verify/finding.h"
#include "verify/results.h"
#include "verify/thresholds.h"

namespace mlc {

enum class WeightRule : std::uint8_t {
  kUnreadable,
  kNoPlace,
  kNan,
  kInfinite,
  kBadScale,
  kOtherSize,
  kRareCode,
  kAllZero,
  kUnusedCodes,
  kError,
  kErrorOutlier,
  kBits,
  kCast,
  kOtherRecipe,
  kNoRecipe,
  kUnknownRecipe,
};
inline constexpr std::size_t kWeightRules = 16;

const FindingRule& rule_of(WeightRule rule);

// Findings about the numbers of each param, alone and beside the same params of other layers.
// `bad_scales`: of each param, scales that are NaN or infinite.
void judge_weights(const WeightsResult& result, const std::vector<std::uint64_t>& bad_scales,
                   int code_bits, const VerifyThresholds& thresholds, Findings& findings);

}  // namespace mlc
