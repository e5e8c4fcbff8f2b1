// Which params a quantization touches, and what a touched param becomes.
//
// Source: mlc_llm/quantization/group_quantization.py (its module mutator); the same rules in words
// are in docs/formats.md, "Which params are quantized".
#pragma once

#include <string>
#include <vector>

#include "models/param_spec.h"
#include "quantize/quantization.h"

namespace mlc {

bool is_quantized(const ParamSpec& spec, const Quantization& quantization);

// The dtype a param that is not quantized has in the tensor cache.
DType plain_dtype(const ParamSpec& spec, const Quantization& quantization);

// KN layouts turn the packed result of linear params only.
bool is_packed_kn(const ParamSpec& spec, const Quantization& quantization);

// "model.norm.weight" without its last part: "model.norm".
std::string_view module_of(std::string_view param_name);

}  // namespace mlc
