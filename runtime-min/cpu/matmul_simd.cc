// matmul for many rows of x: a tile of weights becomes float32 once, and meets all rows.
//
// Vectors run along k, so that x and the tile are read as they lie. A block of k columns of kTile
// rows of weights and of kXAtOnce rows of x stays in the first-level cache; the vectors of sums are
// kept from block to block, and added across their lanes at the end. So each sum is formed in the
// same order wherever its row lies in a tile, and whatever stands beside it.
#include <array>
#include <bit>

#include "runtime-min/cpu/fast.h"
#include "runtime-min/cpu/scratch.h"
#include "runtime-min/cpu/weights.h"

// Arrays of vectors, and vectors in lambdas, need vectors of known size; CPUs with others have
// these as well.
#ifndef HWY_DISABLED_TARGETS  // sanitizer builds have their own
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime-min/cpu/matmul_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "runtime-min/cpu/widen_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {

constexpr std::size_t kTile = 16;      // rows of weights: 32 KiB
constexpr std::size_t kXAtOnce = 6;    // rows of x: 12 KiB
constexpr std::size_t kXBlock = 96;    // rows of x whose sums stay in the second-level cache
constexpr std::size_t kColumns = 512;  // of a block; a few less where groups ask for it
// So many sums fit into the registers: 24 of 32, or 12 of 16.
constexpr std::size_t kRowsAtOnce = MLC_CODE_TABLE ? 4 : 2;

// Adds to sums[r][m] (vectors, r * sum_stride + m) the products of kRowsAtOnce rows of the tile and
// kX rows of x, over `count` columns.
template <std::size_t kX>
HWY_INLINE void add_block(const float* tile, const float* x, std::size_t x_stride,
                          std::size_t count, float* sums, std::size_t sum_stride) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  VF sum[kRowsAtOnce][kX];
  for (std::size_t r = 0; r < kRowsAtOnce; r++)
    for (std::size_t m = 0; m < kX; m++)
      sum[r][m] = hn::Load(d, sums + (r * sum_stride + m) * lanes);
  auto step = [&](std::size_t c, const auto& load) HWY_ATTR {
    VF w[kRowsAtOnce];
    for (std::size_t r = 0; r < kRowsAtOnce; r++)
      w[r] = hn::Load(d, tile + r * kColumns + c);
    for (std::size_t m = 0; m < kX; m++) {
      const VF xm = load(x + m * x_stride + c);
      for (std::size_t r = 0; r < kRowsAtOnce; r++)
        sum[r][m] = hn::MulAdd(w[r], xm, sum[r][m]);
    }
  };
  std::size_t c = 0;
  for (; c + lanes <= count; c += lanes)
    step(c, [&](const float* from) HWY_ATTR { return hn::LoadU(d, from); });
  if (c < count) {
    step(c, [&](const float* from) HWY_ATTR { return load_first(d, from, count - c); });
  }
  for (std::size_t r = 0; r < kRowsAtOnce; r++)
    for (std::size_t m = 0; m < kX; m++)
      hn::Store(sum[r][m], d, sums + (r * sum_stride + m) * lanes);
}

void add_blocks(std::size_t x_rows, const float* tile, const float* x, std::size_t x_stride,
                std::size_t count, float* sums, std::size_t sum_stride) {
  switch (x_rows) {
    case 1:
      return add_block<1>(tile, x, x_stride, count, sums, sum_stride);
    case 2:
      return add_block<2>(tile, x, x_stride, count, sums, sum_stride);
    case 3:
      return add_block<3>(tile, x, x_stride, count, sums, sum_stride);
    case 4:
      return add_block<4>(tile, x, x_stride, count, sums, sum_stride);
    case 5:
      return add_block<5>(tile, x, x_stride, count, sums, sum_stride);
    default:
      return add_block<6>(tile, x, x_stride, count, sums, sum_stride);
  }
}

// Columns [first, first + count) of a row of weights.
void widen_row(const WeightMatrix& w, std::size_t row, const float* scales, std::size_t first,
               std::size_t count, float* out) {
  const std::byte* from = w.weight + row * weight_row_bytes(w.format, w.k);
  const std::size_t row_words = weight_row_bytes(w.format, w.k) / sizeof(std::uint32_t);
  switch (w.format) {
    case WeightFormat::kF32:
      return widen_float_row<FloatF32>(std::bit_cast<const float*>(from) + first, count, out);
    case WeightFormat::kF16:
      return widen_float_row<FloatF16>(std::bit_cast<const FloatF16::T*>(from) + first, count, out);
    case WeightFormat::kBF16:
      return widen_float_row<FloatBF16>(std::bit_cast<const FloatBF16::T*>(from) + first, count,
                                        out);
    case WeightFormat::kQ4:
      return widen_group_row<FormatQ4>(std::bit_cast<const std::uint32_t*>(from), row_words, scales,
                                       first, count, out);
    case WeightFormat::kQ3:
      return widen_group_row<FormatQ3>(std::bit_cast<const std::uint32_t*>(from), row_words, scales,
                                       first, count, out);
  }
}

// sums[r * x_rows + m] (vectors) for `rows` <= kTile rows of weights from `row` on.
void multiply_tile(const WeightMatrix& w, std::size_t row, std::size_t rows, const float* x,
                   std::size_t x_rows, std::size_t x_stride, float* sums) {
  static thread_local Scratch tile_scratch, scale_scratch;
  const std::size_t lanes = hn::Lanes(F());
  float* tile = tile_scratch.floats(kTile * kColumns);
  const std::size_t group = w.format == WeightFormat::kQ4 ? kLayoutQ4.group : kLayoutQ3.group;
  const std::size_t groups = is_group_format(w.format) ? (w.k + group - 1) / group : 0;
  const std::size_t scale_stride = groups + 32;  // room for the zeros of widen_scales()
  float* scales = scale_scratch.floats(kTile * scale_stride);
  for (std::size_t r = 0; groups != 0 && r < rows; r++)
    widen_scales(w.scale + (row + r) * scale_row_bytes(w.format, w.scale_format, w.k),
                 w.scale_format, groups, scales + r * scale_stride);
  // Rows that are not there count as 0.
  std::fill(tile + rows * kColumns, tile + kTile * kColumns, 0.0f);
  std::fill_n(sums, kTile * x_rows * lanes, 0.0f);
  // Whole vectors of words in a block.
  const std::size_t unit =
      lanes * (w.format == WeightFormat::kQ3 ? kLayoutQ3.codes_per_word : kLayoutQ4.codes_per_word);
  const std::size_t block = kColumns / unit * unit;
  for (std::size_t first = 0; first < w.k; first += block) {
    const std::size_t count = std::min(block, w.k - first);
    for (std::size_t r = 0; r < rows; r++)
      widen_row(w, row + r, scales + r * scale_stride, first, count, tile + r * kColumns);
    for (std::size_t m = 0; m < x_rows; m += kXAtOnce)
      for (std::size_t r = 0; r < rows; r += kRowsAtOnce)
        add_blocks(std::min(kXAtOnce, x_rows - m), tile + r * kColumns, x + m * x_stride + first,
                   x_stride, count, sums + (r * x_rows + m) * lanes, x_rows);
  }
}

void matmul(const Arguments& a, std::size_t begin, std::size_t end) {
  static thread_local Scratch sum_scratch;
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  const WeightMatrix w{a.data[1], a.data[2], WeightFormat{a.words[0]}, ScaleFormat{a.words[1]},
                       a.size(2)};
  const std::size_t all_rows = a.size(6), x_stride = a.size(7);
  const float* bias = a.flag(4) ? a.f32(3) : nullptr;
  const float* residual = a.flag(5) ? a.f32(4) : nullptr;
  const float scale = a.real(11);
  float* sums = sum_scratch.floats(kTile * kXBlock * lanes);
  for (std::size_t first = 0; first < all_rows; first += kXBlock) {
    const std::size_t x_rows = std::min(kXBlock, all_rows - first);
    for (std::size_t row = begin; row < end; row += kTile) {
      const std::size_t rows = std::min(kTile, end - row);
      multiply_tile(w, row, rows, a.f32(0) + first * x_stride + a.size(8), x_rows, x_stride, sums);
      for (std::size_t m = 0; m < x_rows; m++)
        for (std::size_t r = 0; r < rows; r++) {
          const std::size_t at = (first + m) * a.size(9) + a.size(10) + row + r;
          float y = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, sums + (r * x_rows + m) * lanes)));
          if (bias != nullptr) y += bias[row + r];
          y *= scale;
          a.f32(5)[at] = residual == nullptr ? y : y + residual[at];
        }
    }
  }
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {

HWY_EXPORT(matmul);

void run_matmul(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(matmul)(a, begin, end);
}
std::size_t rows_of_weights(const Arguments& a) { return a.size(3); }
// At 50 products a nanosecond.
std::size_t row_cost(const Arguments& a) { return 5 + a.size(2) * (a.size(6) + 8) / 50; }

}  // namespace

constexpr CpuKernel kFastMatmul = {rows_of_weights, run_matmul, row_cost, 16};

}  // namespace mlc
#endif  // HWY_ONCE
