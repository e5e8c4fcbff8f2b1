#include "quantize/quantization.h"

#include <algorithm>
#include <array>

#include "quantize/group_quant.h"

namespace mlc {
namespace {

constexpr std::array kQuantizations = {
    Quantization{.name = "q0f16", .kind = QuantKind::kNone, .model_dtype = DType::kF16},
    Quantization{.name = "q0bf16", .kind = QuantKind::kNone, .model_dtype = DType::kBF16},
    Quantization{.name = "q0f32", .kind = QuantKind::kNone, .model_dtype = DType::kF32},
    Quantization{.name = "q3f16_0",
                 .kind = QuantKind::kGroup,
                 .model_dtype = DType::kF16,
                 .bits = 3,
                 .group_size = 40,
                 .layout = WeightLayout::kKN},
    Quantization{.name = "q3f16_1",
                 .kind = QuantKind::kGroup,
                 .model_dtype = DType::kF16,
                 .bits = 3,
                 .group_size = 40},
    Quantization{.name = "q4f16_0",
                 .kind = QuantKind::kGroup,
                 .model_dtype = DType::kF16,
                 .bits = 4,
                 .group_size = 32,
                 .layout = WeightLayout::kKN},
    Quantization{.name = "q4f16_1",
                 .kind = QuantKind::kGroup,
                 .model_dtype = DType::kF16,
                 .bits = 4,
                 .group_size = 32},
    Quantization{.name = "q4f16_2",
                 .kind = QuantKind::kGroup,
                 .model_dtype = DType::kF16,
                 .bits = 4,
                 .group_size = 32,
                 .quantizes_embedding = false,
                 .quantizes_final_fc = false},
    Quantization{.name = "q4bf16_0",
                 .kind = QuantKind::kGroup,
                 .model_dtype = DType::kBF16,
                 .bits = 4,
                 .group_size = 32,
                 .layout = WeightLayout::kKN},
    Quantization{.name = "q4bf16_1",
                 .kind = QuantKind::kGroup,
                 .model_dtype = DType::kBF16,
                 .bits = 4,
                 .group_size = 32},
    Quantization{.name = "q4f32_1",
                 .kind = QuantKind::kGroup,
                 .model_dtype = DType::kF32,
                 .bits = 4,
                 .group_size = 32},
    Quantization{.name = "q4f16_autoawq", .kind = QuantKind::kAwq, .model_dtype = DType::kF16},
    // Bits and group size are those of the fallback (mlc_llm: fallback_group_quantize).
    Quantization{.name = "q4f16_ft",
                 .kind = QuantKind::kFt,
                 .model_dtype = DType::kF16,
                 .bits = 4,
                 .group_size = 32},
    Quantization{.name = "e5m2_e5m2_f16",
                 .kind = QuantKind::kPerTensor,
                 .model_dtype = DType::kF16,
                 .quantizes_embedding = false,
                 .quantizes_final_fc = false,
                 .weight_dtype = DType::kF8E5M2},
    Quantization{.name = "e4m3_e4m3_f16",
                 .kind = QuantKind::kPerTensor,
                 .model_dtype = DType::kF16,
                 .quantizes_embedding = false,
                 .quantizes_final_fc = false,
                 .scaled = true,
                 .calibrated = true},
    Quantization{.name = "e4m3_e4m3_f16_max_calibrate",
                 .kind = QuantKind::kPerTensor,
                 .model_dtype = DType::kF16,
                 .quantizes_embedding = false,
                 .quantizes_final_fc = false,
                 .scaled = true},
    Quantization{.name = "fp8_e4m3fn_bf16_block_scale",
                 .kind = QuantKind::kBlockScale,
                 .model_dtype = DType::kBF16},
    Quantization{.name = "fp8_e4m3fn_bf16_block_scale_static_activation",
                 .kind = QuantKind::kBlockScale,
                 .model_dtype = DType::kBF16,
                 .static_activation = true},
};

consteval bool groups_hold_whole_words() {
  for (const Quantization& q : kQuantizations) {
    if (q.kind != QuantKind::kGroup && q.kind != QuantKind::kFt) continue;
    if (q.bits < 2 || q.bits > 8 || q.group_size <= 0 ||
        q.group_size > static_cast<int>(kMaxGroupSize) || q.group_size % q.codes_per_word() != 0)
      return false;
  }
  return true;
}
static_assert(groups_hold_whole_words());

constexpr std::array kRules = {
    NumericRule{"mlc-2024", true, Rounding::kHalfAway, "TVM before October 2025, on the CPU"},
    NumericRule{"mlc-2025", false, Rounding::kHalfAway, "TVM from October 2025 to April 2026"},
    NumericRule{"mlc-2026", false, Rounding::kHalfEven, "TVM from April 2026"},
};

template <class Rows>
auto find_by_name(const Rows& rows, std::string_view name) {
  auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.name == name; });
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace

std::string_view name_of(QuantKind kind) {
  switch (kind) {
    case QuantKind::kNone:
      return "no-quant";
    case QuantKind::kGroup:
      return "group-quant";
    case QuantKind::kFt:
      return "ft-quant";
    case QuantKind::kAwq:
      return "awq";
    case QuantKind::kPerTensor:
      return "per-tensor-quant";
    case QuantKind::kBlockScale:
      return "block-scale-quant";
  }
  return "";
}

std::span<const Quantization> quantizations() { return kQuantizations; }
const Quantization* find_quantization(std::string_view name) {
  return find_by_name(kQuantizations, name);
}
std::span<const NumericRule> numeric_rules() { return kRules; }
const NumericRule* find_numeric_rule(std::string_view name) { return find_by_name(kRules, name); }

}  // namespace mlc
