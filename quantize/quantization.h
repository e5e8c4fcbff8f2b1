// The named quantizations and numeric rules of MLC, as data.
//
// Source: mlc_llm/quantization/quantization.py (names, bits, groups, layouts); the three numeric
// rules are the three states that TVM's code generation has had (docs/errata.md, "Numeric rules").
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/dtype.h"

namespace mlc {

enum class QuantKind : std::uint8_t {
  kNone,        // cast to model_dtype
  kGroup,       // groups of `group_size` along the last axis share one scale
  kFt,          // a scale per output row, interleaved as FasterTransformer reads it; else groups
  kAwq,         // kept as the checkpoint has it: qweight, qzeros, scales
  kPerTensor,   // 8-bit floats with one scale per tensor, or none
  kBlockScale,  // kept as the checkpoint has it: 8-bit floats with a scale per block
};

// mlc_llm's word for it: "group-quant".
std::string_view name_of(QuantKind kind);

// Where the packed axis lies. kNK: q_weight [out, words], q_scale [out, groups]. kKN: both
// transposed for linear params (embeddings stay NK).
enum class WeightLayout : std::uint8_t { kNK, kKN };

struct Quantization {
  std::string_view name;
  QuantKind kind;
  DType model_dtype;   // T: what weights are cast to before anything else; also the scales' dtype
  int bits = 0;        // per code; a storage word (uint32) holds 32 / bits codes, lowest bits first
  int group_size = 0;  // elements; a multiple of codes_per_word()
  WeightLayout layout = WeightLayout::kNK;
  bool quantizes_embedding = true;
  bool quantizes_final_fc = true;
  DType weight_dtype = DType::kF8E4M3FN;  // kPerTensor, kBlockScale
  bool scaled = false;                    // kPerTensor: q_scale is stored, and divided by
  bool calibrated = false;         // kPerTensor: q_calibration_scale is stored, to be filled later
  bool static_activation = false;  // kBlockScale: activation_scale is stored

  constexpr int codes_per_word() const { return 32 / bits; }
  constexpr int max_int() const { return (1 << (bits - 1)) - 1; }  // M: code 0 stands for -M
};

std::span<const Quantization> quantizations();
const Quantization* find_quantization(std::string_view name);  // nullptr if unknown

enum class Rounding : std::uint8_t { kHalfAway, kHalfEven };

struct NumericRule {
  std::string_view name;      // "mlc-2024"
  bool reciprocal;            // scale = rn(max_abs * rn(1/M)) instead of rn(max_abs / M)
  Rounding rounding;          // of codes
  std::string_view explains;  // one line for --help
};

std::span<const NumericRule> numeric_rules();  // the last one is the default
const NumericRule* find_numeric_rule(std::string_view name);

}  // namespace mlc
