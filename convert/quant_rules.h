// Which params a quantization touches, and what a touched param becomes.
//
// Source: the module mutators of mlc_llm/quantization/*_quantization.py; the same rules in words
// are in docs/formats.md, "Which params are quantized".
#pragma once

#include <string>
#include <vector>

#include "models/param_rules.h"
#include "models/param_spec.h"
#include "quantize/quantization.h"

namespace mlc {

// What makes the records of a param from its gathered rows.
enum class Packer : std::uint8_t {
  kCast,   // one record, cast or kept
  kGroup,  // q_weight and q_scale, by groups
  kFt,     // q_weight and q_scale, interleaved for FasterTransformer
  kFp8,    // q_weight, with or without scales
};

Packer packer_of(const ParamSpec& spec, const Quantization& quantization);

// The dtype a param that is not quantized has in the tensor cache.
DType plain_dtype(const ParamSpec& spec, const Quantization& quantization);

// KN layouts turn the packed result of linear params only.
bool is_packed_kn(const ParamSpec& spec, const Quantization& quantization);

}  // namespace mlc
