// One element of a weight matrix, in any format: the meaning of WeightFormat and ScaleFormat.
#pragma once

#include "runtime-min/cpu/cpu_kernel.h"
#include "runtime-min/kernels/weight_layout.h"

namespace mlc {

// Where and how a matrix [rows, k] lies.
struct WeightMatrix {
  const std::byte* weight;
  const std::byte* scale;  // of group formats
  WeightFormat format;
  ScaleFormat scale_format;
  std::size_t k;
};

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

}  // namespace mlc
