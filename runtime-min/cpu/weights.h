// One element of a weight matrix, in any format: the meaning of WeightFormat and ScaleFormat.
#pragma once

#include "runtime-min/cpu/cpu_kernel.h"

namespace mlc {

// Where and how a matrix [rows, k] lies.
struct WeightMatrix {
  const std::byte* weight;
  const std::byte* scale;  // of group formats
  WeightFormat format;
  ScaleFormat scale_format;
  std::size_t k;
};

struct GroupLayout {
  std::size_t group;  // elements that share a scale
  std::size_t words;  // u32 of a group
  std::uint32_t codes_per_word, bits;
  float zero;
};
constexpr GroupLayout kLayoutQ4 = {32, 4, 8, 4, 7.0f};
constexpr GroupLayout kLayoutQ3 = {40, 4, 10, 3, 3.0f};

inline bool is_group_format(WeightFormat format) {
  return format == WeightFormat::kQ4 || format == WeightFormat::kQ3;
}

inline float scale_value(const std::byte* scale, ScaleFormat format, std::size_t index) {
  switch (format) {
    case ScaleFormat::kF32:
      return std::bit_cast<const float*>(scale)[index];
    case ScaleFormat::kF16:
      return f16_to_f32(std::bit_cast<const std::uint16_t*>(scale)[index]);
    case ScaleFormat::kBF16:
      return bf16_to_f32(std::bit_cast<const std::uint16_t*>(scale)[index]);
  }
  return 0;
}

inline float weight_value(const WeightMatrix& w, std::size_t row, std::size_t column) {
  const std::size_t element = row * w.k + column;
  switch (w.format) {
    case WeightFormat::kF32:
      return std::bit_cast<const float*>(w.weight)[element];
    case WeightFormat::kF16:
      return f16_to_f32(std::bit_cast<const std::uint16_t*>(w.weight)[element]);
    case WeightFormat::kBF16:
      return bf16_to_f32(std::bit_cast<const std::uint16_t*>(w.weight)[element]);
    case WeightFormat::kQ4:
    case WeightFormat::kQ3:
      break;
  }
  const GroupLayout& layout = w.format == WeightFormat::kQ4 ? kLayoutQ4 : kLayoutQ3;
  const std::size_t groups = (w.k + layout.group - 1) / layout.group;
  const std::size_t group = row * groups + column / layout.group;
  const std::size_t in_group = column % layout.group;
  const auto* words = std::bit_cast<const std::uint32_t*>(w.weight);
  const std::uint32_t word = words[group * layout.words + in_group / layout.codes_per_word];
  const auto shift = static_cast<std::uint32_t>(in_group) % layout.codes_per_word * layout.bits;
  const std::uint32_t code = word >> shift & ((1u << layout.bits) - 1);
  return (static_cast<float>(code) - layout.zero) * scale_value(w.scale, w.scale_format, group);
}

// Where row `row` of a matrix begins: for the matrices of experts, which follow each other.
inline std::size_t weight_row_bytes(WeightFormat format, std::size_t k) {
  switch (format) {
    case WeightFormat::kF32:
      return k * 4;
    case WeightFormat::kF16:
    case WeightFormat::kBF16:
      return k * 2;
    case WeightFormat::kQ4:
      return (k + kLayoutQ4.group - 1) / kLayoutQ4.group * kLayoutQ4.words * 4;
    case WeightFormat::kQ3:
      return (k + kLayoutQ3.group - 1) / kLayoutQ3.group * kLayoutQ3.words * 4;
  }
  return 0;
}
inline std::size_t scale_row_bytes(WeightFormat format, ScaleFormat scale_format, std::size_t k) {
  if (!is_group_format(format)) return 0;
  const std::size_t group = format == WeightFormat::kQ4 ? kLayoutQ4.group : kLayoutQ3.group;
  return (k + group - 1) / group * (scale_format == ScaleFormat::kF32 ? 4 : 2);
}

}  // namespace mlc
