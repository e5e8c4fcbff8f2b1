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

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime-min/cpu/matmul_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "runtime-min/cpu/widen_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {

constexpr std::size_t kTile = 8;       // rows of weights: 32 KiB
constexpr std::size_t kXAtOnce = 6;    // rows of x: 12 KiB
constexpr std::size_t kXBlock = 96;    // rows of x whose sums stay in the second-level cache
constexpr std::size_t kColumns = 512;  // of a block; a few less where groups ask for it
// So many sums fit into the registers: 24 of 32, or 12 of 16.
constexpr std::size_t kRowsAtOnce = MLC_CODE_TABLE ? 4 : 2;

// x by blocks of columns: block b holds all rows, kColumns apart, filled up with zeros to whole
// vectors. As it lies, rows whose distance is a power of two would drive each other out of the
// cache.
struct PackedX {
  const float* x;
  std::size_t rows;

  const float* at(std::size_t block, std::size_t row) const {
    return x + (block * rows + row) * kColumns;
  }
};

void pack(const float* x, std::size_t x_stride, std::size_t rows, std::size_t k, std::size_t block,
          float* out) {
  for (std::size_t first = 0; first < k; first += block)
    for (std::size_t r = 0; r < rows; r++) {
      const std::size_t count = std::min(block, k - first);
      std::copy_n(x + r * x_stride + first, count, out);
      std::fill(out + count, out + kColumns, 0.0f);
      out += kColumns;
    }
}

// Adds to sums[r][m] (vectors, r * sum_stride + m) the products of kRowsAtOnce rows of the tile and
// kX rows of x, both kColumns apart, over `count` columns (whole vectors).
template <std::size_t kX>
HWY_INLINE void add_block(const float* HWY_RESTRICT tile, const float* HWY_RESTRICT x,
                          std::size_t count, float* HWY_RESTRICT sums, std::size_t sum_stride) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  VF sum[kRowsAtOnce][kX];
  unrolled<kRowsAtOnce>(
      [&](auto r) HWY_ATTR { unrolled<kX>([&](auto m) HWY_ATTR { sum[r][m] = hn::Zero(d); }); });
  for (std::size_t c = 0; c < count; c += lanes) {
    VF w[kRowsAtOnce];
    unrolled<kRowsAtOnce>([&](auto r) HWY_ATTR { w[r] = hn::Load(d, tile + r * kColumns + c); });
    unrolled<kX>([&](auto m) HWY_ATTR {
      const VF xm = hn::Load(d, x + m * kColumns + c);
      unrolled<kRowsAtOnce>([&](auto r) HWY_ATTR { sum[r][m] = hn::MulAdd(w[r], xm, sum[r][m]); });
    });
  }
  unrolled<kRowsAtOnce>([&](auto r) HWY_ATTR {
    unrolled<kX>([&](auto m) HWY_ATTR {
      float* to = sums + (r * sum_stride + m) * lanes;
      hn::Store(hn::Add(sum[r][m], hn::Load(d, to)), d, to);
    });
  });
}

void add_blocks(std::size_t x_rows, const float* tile, const float* x, std::size_t count,
                float* sums, std::size_t sum_stride) {
  switch (x_rows) {
    case 1:
      return add_block<1>(tile, x, count, sums, sum_stride);
    case 2:
      return add_block<2>(tile, x, count, sums, sum_stride);
    case 3:
      return add_block<3>(tile, x, count, sums, sum_stride);
    case 4:
      return add_block<4>(tile, x, count, sums, sum_stride);
    case 5:
      return add_block<5>(tile, x, count, sums, sum_stride);
    default:
      return add_block<6>(tile, x, count, sums, sum_stride);
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

// Columns of a block: whole vectors of words, and of numbers.
std::size_t block_columns(WeightFormat format) {
  const std::size_t codes =
      format == WeightFormat::kQ3 ? kLayoutQ3.codes_per_word : kLayoutQ4.codes_per_word;
  const std::size_t unit = hn::Lanes(F()) * codes;
  return kColumns / unit * unit;
}

// sums[r * x_rows + m] (vectors) for `rows` <= kTile rows of weights from `row` on, and x_rows rows
// of x from x_row on.
void multiply_tile(const WeightMatrix& w, std::size_t row, std::size_t rows, const PackedX& x,
                   std::size_t x_row, std::size_t x_rows, float* sums) {
  static thread_local Scratch tile_scratch, scale_scratch;
  const std::size_t lanes = hn::Lanes(F());
  float* tile = tile_scratch.floats(kTile * kColumns);
  const std::size_t groups = groups_of_row(w.format, w.k);
  const std::size_t scale_stride = groups + 32;  // room for the zeros of widen_scales()
  float* scales = scale_scratch.floats(kTile * scale_stride);
  for (std::size_t r = 0; groups != 0 && r < rows; r++)
    widen_scales(w.scale + (row + r) * scale_row_bytes(w.format, w.scale_format, w.k),
                 w.scale_format, groups, scales + r * scale_stride);
  // Rows that are not there count as 0.
  std::fill(tile + rows * kColumns, tile + kTile * kColumns, 0.0f);
  std::fill_n(sums, kTile * x_rows * lanes, 0.0f);
  const std::size_t block = block_columns(w.format);
  for (std::size_t b = 0; b * block < w.k; b++) {
    const std::size_t first = b * block, count = std::min(block, w.k - first);
    for (std::size_t r = 0; r < rows; r++)
      widen_row(w, row + r, scales + r * scale_stride, first, count, tile + r * kColumns);
    const std::size_t whole = (count + lanes - 1) / lanes * lanes;
    for (std::size_t m = 0; m < x_rows; m += kXAtOnce)
      for (std::size_t r = 0; r < rows; r += kRowsAtOnce)
        add_blocks(std::min(kXAtOnce, x_rows - m), tile + r * kColumns, x.at(b, x_row + m), whole,
                   sums + (r * x_rows + m) * lanes, x_rows);
  }
}

void matmul(const Arguments& a, std::size_t begin, std::size_t end) {
  static thread_local Scratch sum_scratch, x_scratch;
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  const WeightMatrix w{a.data[1], a.data[2], WeightFormat{a.words[0]}, ScaleFormat{a.words[1]},
                       a.size(2)};
  const std::size_t all_rows = a.size(6), block = block_columns(w.format);
  float* packed = x_scratch.floats((w.k + block - 1) / block * all_rows * kColumns);
  if (!x_scratch.filled_for(a.serial))
    pack(a.f32(0) + a.size(8), a.size(7), all_rows, w.k, block, packed);
  const PackedX x{packed, all_rows};
  const float* bias = a.flag(4) ? a.f32(3) : nullptr;
  const float* residual = a.flag(5) ? a.f32(4) : nullptr;
  const float scale = a.real(11);
  float* sums = sum_scratch.floats(kTile * kXBlock * lanes);
  for (std::size_t first = 0; first < all_rows; first += kXBlock) {
    const std::size_t x_rows = std::min(kXBlock, all_rows - first);
    for (std::size_t row = begin; row < end; row += kTile) {
      const std::size_t rows = std::min(kTile, end - row);
      multiply_tile(w, row, rows, x, first, x_rows, sums);
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
