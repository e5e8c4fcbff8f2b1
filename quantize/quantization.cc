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
                 .layout = Layout::kKN},
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
                 .layout = Layout::kKN},
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
                 .layout = Layout::kKN},
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
};

consteval bool groups_hold_whole_words() {
  for (const Quantization& q : kQuantizations) {
    if (q.kind == QuantKind::kNone) continue;
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

std::span<const Quantization> quantizations() { return kQuantizations; }
const Quantization* find_quantization(std::string_view name) {
  return find_by_name(kQuantizations, name);
}
std::span<const NumericRule> numeric_rules() { return kRules; }
const NumericRule* find_numeric_rule(std::string_view name) { return find_by_name(kRules, name); }

}  // namespace mlc
