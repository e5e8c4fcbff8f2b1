// Linears stored as small integers: value = float32(code - zero point) * float32(scale).
//
// Three writers, one rule, three layouts of a weight [out, in] in 32-bit words, each word holding
// 32 / bits codes, lowest bits first:
//   GPTQ                qweight [in / 8, out]: a word runs along `in`; qzeros [groups, out / 8] and
//                       scales [groups, out]; stored zero points are one less than the real ones
//                       (checkpoint_format gptq; gptq_v2 stores them as they are)
//   compressed-tensors  weight_packed [out, in / 8], weight_scale [out, groups], weight_zero_point
//                       [out / 8, groups]: the word runs along `out`
//   AWQ GEMM            qweight [in, out / 8], qzeros [groups, out / 8], scales [groups, out]; a
//                       word runs along `out` in the order 0, 2, 4, 6, 1, 3, 5, 7
// The product has 8 + 11 bits at most with float16 scales, so it is exact in float32.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "convert/stored_tensor.h"

namespace mlc {

enum class CodeLayout : std::uint8_t { kGptq, kCompressed, kAwq };

struct PackedCodes {
  CodeLayout layout = CodeLayout::kGptq;
  int bits = 4;
  std::int64_t out = 0;
  std::int64_t in = 0;
  std::int64_t groups = 0;
  std::int64_t group_size = 0;  // columns; `in` when a row is one group
  int zero_offset = 0;          // added to stored zero points
  StoredTensor codes;
  StoredTensor scales;
  std::optional<StoredTensor> zeros;       // none: the middle, 8 for 4 bits
  std::vector<std::int32_t> column_group;  // empty: column / group_size
};

// Gives kF32. With 4 bits, groups in order and a multiple of 32 columns it also offers its scales
// to schemes that can take the codes over (quantize/lattice.h).
std::shared_ptr<const ElementReader> make_code_reader(PackedCodes packed);

}  // namespace mlc
