// Linears stored in eight bits with scales beside them, and MXFP4 blocks.
#pragma once

#include <cstdint>

#include "convert/stored_tensor.h"

namespace mlc {

// value = float32(code) * float32(scale of its block), one float32 rounding: DeepSeek's
// inference/kernel.py, weight_dequant. `weight` [..., rows, cols] holds 8-bit floats or int8;
// `scale` [..., ceil(rows / block_rows), ceil(cols / block_cols)], the last blocks ragged. One
// block as large as the weight is a scale per tensor, one as large as a row a scale per channel.
struct ScaledWeight {
  StoredTensor weight;
  StoredTensor scale;
  std::int64_t block_rows = 1;
  std::int64_t block_cols = 1;
};
std::shared_ptr<const ElementReader> make_scaled_reader(ScaledWeight scaled);  // kF32

// gpt-oss experts: `blocks` [experts, out, in / 32, 16] bytes, two codes each, the lower four bits
// first; `scales` [experts, out, in / 32] e8m0. value = e2m1 * 2^(scale - 127), exact unless it is
// beyond float32: infinity then. Scale 255 is NaN (OCP MX 1.0; transformers would give infinity).
std::shared_ptr<const ElementReader> make_mxfp4_reader(StoredTensor blocks,
                                                       StoredTensor scales);  // kF32

inline constexpr std::int64_t kMxBlock = 32;

}  // namespace mlc
