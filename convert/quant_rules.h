// Which params a quantization touches, and what a touched param becomes.
//
// Source: the module mutators of mlc_llm/quantization/*_quantization.py; the same rules in words
// are in docs/formats.md, "Which params are quantized".
#pragma once

#include <string>
#include <vector>

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

// A linear layer that no scheme but group quantization and its fallback touches: the last
// projection, told by its full path, and routers.
bool is_final_fc(const ParamSpec& spec);
bool is_gate(const ParamSpec& spec);

// The dtype a param that is not quantized has in the tensor cache.
DType plain_dtype(const ParamSpec& spec, const Quantization& quantization);

// KN layouts turn the packed result of linear params only.
bool is_packed_kn(const ParamSpec& spec, const Quantization& quantization);

// "model.norm.weight" without its last part: "model.norm".
std::string_view module_of(std::string_view param_name);

}  // namespace mlc
