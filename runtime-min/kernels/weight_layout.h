// How many bytes the rows of a weight matrix take, in each format.
#pragma once

#include <cstdint>

#include "runtime-min/kernels/kernels.h"

namespace mlc {

struct GroupLayout {
  std::uint32_t group;  // elements that share a scale
  std::uint32_t words;  // u32 of a group
  std::uint32_t codes_per_word, bits;
  float zero;
};
inline constexpr GroupLayout kLayoutQ4 = {32, 4, 8, 4, 7.0f};
inline constexpr GroupLayout kLayoutQ3 = {40, 4, 10, 3, 3.0f};

constexpr bool is_group_format(WeightFormat format) {
  return format == WeightFormat::kQ4 || format == WeightFormat::kQ3;
}

constexpr std::uint64_t groups_of_row(WeightFormat format, std::uint64_t k) {
  const std::uint32_t group = format == WeightFormat::kQ3 ? kLayoutQ3.group : kLayoutQ4.group;
  return is_group_format(format) ? (k + group - 1) / group : 0;
}

constexpr std::uint64_t weight_row_bytes(WeightFormat format, std::uint64_t k) {
  switch (format) {
    case WeightFormat::kF32:
      return k * 4;
    case WeightFormat::kF16:
    case WeightFormat::kBF16:
      return k * 2;
    case WeightFormat::kQ4:
      return groups_of_row(format, k) * kLayoutQ4.words * 4;
    case WeightFormat::kQ3:
      return groups_of_row(format, k) * kLayoutQ3.words * 4;
  }
  return 0;
}

constexpr std::uint64_t scale_row_bytes(WeightFormat format, ScaleFormat scale, std::uint64_t k) {
  return groups_of_row(format, k) * (scale == ScaleFormat::kF32 ? 4 : 2);
}

}  // namespace mlc
