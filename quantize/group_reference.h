// One group of the plain reference, for the fast kernels: they hand over every group they can't
// prove exact, and the short last group of a row.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "quantize/group_quant.h"

namespace mlc {

// The sums of squares, one lane per position in the group, so that every vector width adds the same
// numbers in the same order: lane j adds element j of each finite group, group after group; the
// total adds the lanes in ascending order.
struct ErrorLanes {
  alignas(64) std::array<double, kMaxGroupSize> error{};
  alignas(64) std::array<double, kMaxGroupSize> weight{};
  void add_to(QuantCounts& counts) const;
};

// `n` elements of src_dtype (1 to group_size; fewer than group_size only at the end of a row)
// become group_size / codes_per_word words and one scale of T. `lanes` may be null: no error
// wanted.
void quantize_group_reference(const Quantization& q, const NumericRule& rule, const void* src,
                              DType src_dtype, std::size_t n, std::uint32_t* words, void* scale,
                              ErrorLanes* lanes, QuantCounts& counts);

// The reverse of one group: `n` elements of T, widened.
void dequantize_group_reference(const Quantization& q, const std::uint32_t* words,
                                const void* scale, std::size_t n, float* out);

}  // namespace mlc
