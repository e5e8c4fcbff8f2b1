// The inside of --method search: what the plain and the SIMD version share.
//
// The method, for one group of finite values w (after the cast to T) with largest |w| = max:
//   1. x = rn(w x 4096 / max), integers in [-4096, 4096].
//   2. For each candidate k (scale max / d with d = k/8) codes are c = clamp((x k + 2^14) >> 15),
//      once clamped to [-M, M+1] (positive scale) and once to [-M-1, M] (negative scale; the codes
//      are then -c). For fixed codes the least-squares scale is sum(x c) / sum(c c), and it leaves
//      the error sum(x x) - sum(x c)^2 / sum(c c). So the best candidate has the largest
//      sum(x c)^2 / sum(c c): two integer sums, no dequantization. The first of equals wins, k
//      ascending, positive before negative.
//   3. scale = rn_T(sum(x c) / sum(c c) x max / 4096), negative for a negative candidate; rounding
//      to nearest is best because the error is a parabola in the scale. Codes are computed afresh
//      from the rounded scale: clamp(rn(w x (1 / scale))).
//   4. The error of what a runtime computes, sum (w - rn_T(c x scale))^2, is measured for these and
//      for the values of rtn, and the better one is kept; in doubt rtn.
// Steps 1 to 3 are integer arithmetic or single float32 operations per element, and the sums of
// step 4 run over the elements in order, one group per SIMD lane: nothing depends on the width.
//
// With T = float32, scales are stored as bfloat16 (tensor cache "f32-to-bf16"). A runtime never
// sees the float32 scale, so the search chooses scales that are bfloat16 already, and measures rtn
// with its scale rounded to bfloat16.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "quantize/group_quant.h"

namespace mlc::search {

// Step 1's resolution. A code step is 4096 / d > 400 units, so the rounding of x moves a threshold
// by less than 1/800 of a step, where both neighbouring codes give the same error up to 1/800.
inline constexpr int kUnit = 4096;
inline constexpr int kStepsPerCode = 8;  // candidates lie at d = k / 8
inline constexpr int kProductShift = 15;
static_assert(kUnit * kStepsPerCode == 1 << kProductShift);

// Candidates k. The ends were found by trying: on Gaussian and on trained weights the best d of
// 99 % of the groups lies within, and a finer or wider grid lowers the total error by less than
// 1e-4 of it.
struct Candidates {
  int first;
  int last;
};
constexpr Candidates candidates(int bits) {
  return bits == 4 ? Candidates{46, 74} : Candidates{22, 44};
}

// Groups whose max lies outside keep the values of rtn. Below: for f16 nothing but zero; otherwise
// squares of errors would come near the subnormal numbers of float32. Above: for f16 (code x scale)
// could overflow; otherwise squares could. NaN and infinities lie above.
struct Range {
  float least;
  float most;
};
constexpr Range searched_range(DType model_dtype) {
  return model_dtype == DType::kF16 ? Range{0x1p-24f, 0x1p14f} : Range{0x1p-40f, 0x1p40f};
}

// Step 4 accepts only error < rtn_error x (1 - 2^-12). A float32 sum of 40 rounded squares is off
// by at most 43 x 2^-24 < 2^-18 of itself, so what is accepted is better in exact arithmetic.
// Below kLeastError rounding to subnormals would break that bound; nothing is worth gaining there.
inline constexpr float kAccept = 1.0f - 0x1p-12f;
inline constexpr float kLeastError = 0x1p-100f;

// Adding and subtracting it rounds to the nearest integer, ties to even, for |x| < 2^22: its unit
// in the last place is 1.
inline constexpr float kRoundMagic = 0x1.8p23f;

// A batch is this many consecutive groups, in every version.
inline constexpr std::size_t kBatch = 16;
inline constexpr std::size_t kWordsPerGroup = 4;

// Where group `index` (counted over the whole block) lies.
struct GroupPlace {
  std::size_t offset;  // of its first element in the source
  std::size_t size;    // elements; less than group_size at the end of a row
};
inline GroupPlace place_of(const Quantization& q, std::size_t cols, std::size_t groups_in_row,
                           std::size_t index) {
  const auto group_size = static_cast<std::size_t>(q.group_size);
  const std::size_t row = index / groups_in_row;
  const std::size_t start = index % groups_in_row * group_size;
  return {row * cols + start, start + group_size <= cols ? group_size : cols - start};
}

struct BatchErrors {
  std::array<bool, kBatch> searched;  // false: kept as rtn without measuring, errors not set
  std::array<float, kBatch> rtn;      // sum (w - dequantized)^2 of the values of rtn
  std::array<float, kBatch> kept;     // of the values that the block holds now
  std::array<float, kBatch> weight;   // sum w^2
};

// Improves groups [first, first + count) of a block that holds the values of rtn; count <= kBatch.
using ImproveFn = void (*)(const Quantization& q, const GroupQuantBlock& block, std::size_t first,
                           std::size_t count, BatchErrors& errors);
void improve_batch_reference(const Quantization& q, const GroupQuantBlock& block, std::size_t first,
                             std::size_t count, BatchErrors& errors);
// The best SIMD level of this CPU that limit_simd_level() allows.
void improve_batch_fast(const Quantization& q, const GroupQuantBlock& block, std::size_t first,
                        std::size_t count, BatchErrors& errors);

// The same as group_quantize_search, from plain parts only; for tests.
void group_quantize_search_reference(const Quantization& q, const NumericRule& rule,
                                     const GroupQuantBlock& block, bool want_error,
                                     QuantCounts& counts);

}  // namespace mlc::search
