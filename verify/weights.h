// The weights level: every param as a runtime computes it, alone and beside its source.
//
// Alone: NaN and infinities, scales that are none, codes, groups of zeros, and params far larger or
// smaller than the same ones of the other layers. Beside the source: relative MSE, signal to noise,
// cosine, the largest error and where it is; and bit for bit what quantizing the source again
// gives, by the numeric rule and the method that --recompute names, or by whichever fits.
#pragma once

#include <span>
#include <string>

#include "verify/verify.h"

namespace mlc {

std::string verify_weights(const VerifyOptions& options, VerifyReport& report, Reporter& reporter);

std::span<const FindingRule> weight_rules();

}  // namespace mlc
