// matmul for few rows of x, and moe_matmul: rows of weights are read once, four at a time.
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
#define HWY_TARGET_INCLUDE "runtime-min/cpu/matvec_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "runtime-min/cpu/row_dot-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {

// A matrix and x, with all that a thread has prepared for it.
struct Operands {
  WeightMatrix w;
  const float* x;        // the first row, as the format wants it
  std::size_t x_stride;  // floats from row to row
};

constexpr std::size_t kRowsAtOnce = 4, kXAtOnce = 4;

template <class Format, std::size_t kRows>
void group_rows(const Operands& o, std::size_t row, std::size_t x_row, std::size_t x_rows,
                const float* scales, std::size_t scale_stride, float* sums) {
  const std::size_t row_words = weight_row_bytes(o.w.format, o.w.k) / sizeof(std::uint32_t);
  const std::uint32_t* words = std::bit_cast<const std::uint32_t*>(o.w.weight) + row * row_words;
  const float* x = o.x + x_row * o.x_stride;
  auto dot = [&](auto kX) {
    group_dot<Format, kRows, decltype(kX)::value>(words, row_words, scales, scale_stride, x,
                                                  o.x_stride, o.w.k, sums);
  };
  switch (x_rows) {
    case 1:
      return dot(std::integral_constant<std::size_t, 1>());
    case 2:
      return dot(std::integral_constant<std::size_t, 2>());
    case 3:
      return dot(std::integral_constant<std::size_t, 3>());
    default:
      return dot(std::integral_constant<std::size_t, 4>());
  }
}

template <class Float, std::size_t kRows>
void float_rows(const Operands& o, std::size_t row, std::size_t x_row, std::size_t x_rows,
                float* sums) {
  const auto* weights = std::bit_cast<const typename Float::T*>(o.w.weight) + row * o.w.k;
  const float* x = o.x + x_row * o.x_stride;
  auto dot = [&](auto kX) {
    float_dot<Float, kRows, decltype(kX)::value>(weights, o.w.k, x, o.x_stride, sums);
  };
  switch (x_rows) {
    case 1:
      return dot(std::integral_constant<std::size_t, 1>());
    case 2:
      return dot(std::integral_constant<std::size_t, 2>());
    case 3:
      return dot(std::integral_constant<std::size_t, 3>());
    default:
      return dot(std::integral_constant<std::size_t, 4>());
  }
}

// sums[r * x_rows + m] for kRows rows of weights from `row` on, and x_rows <= 4 rows of x.
template <std::size_t kRows>
void rows_dot(const Operands& o, std::size_t row, std::size_t x_row, std::size_t x_rows,
              const float* scales, std::size_t scale_stride, float* sums) {
  switch (o.w.format) {
    case WeightFormat::kF32:
      return float_rows<FloatF32, kRows>(o, row, x_row, x_rows, sums);
    case WeightFormat::kF16:
      return float_rows<FloatF16, kRows>(o, row, x_row, x_rows, sums);
    case WeightFormat::kBF16:
      return float_rows<FloatBF16, kRows>(o, row, x_row, x_rows, sums);
    case WeightFormat::kQ4:
      return group_rows<FormatQ4, kRows>(o, row, x_row, x_rows, scales, scale_stride, sums);
    case WeightFormat::kQ3:
      return group_rows<FormatQ3, kRows>(o, row, x_row, x_rows, scales, scale_stride, sums);
  }
}

// Calls store(row, m, sum) for the rows [begin, end) of the weights and x_rows rows of x.
template <class Store>
HWY_INLINE void multiply(const Operands& o, std::size_t begin, std::size_t end, std::size_t x_row,
                         std::size_t x_rows, const Store& store) {
  static thread_local Scratch scale_scratch;
  const bool grouped = is_group_format(o.w.format);
  const std::size_t group = o.w.format == WeightFormat::kQ4 ? kLayoutQ4.group : kLayoutQ3.group;
  const std::size_t groups = grouped ? (o.w.k + group - 1) / group : 0;
  const std::size_t scale_stride = groups + 32;  // room for the zeros of widen_scales()
  float* scales = scale_scratch.floats(kRowsAtOnce * scale_stride);
  const std::size_t scale_bytes = scale_row_bytes(o.w.format, o.w.scale_format, o.w.k);
  std::array<float, kRowsAtOnce * kXAtOnce> sums{};
  for (std::size_t row = begin; row < end;) {
    const std::size_t rows = end - row >= kRowsAtOnce ? kRowsAtOnce : 1;
    for (std::size_t r = 0; grouped && r < rows; r++) {
      const std::byte* scale = o.w.scale + (row + r) * scale_bytes;
      prefetch_range(scale + kScaleRowsAhead * scale_bytes, scale_bytes);
      widen_scales(scale, o.w.scale_format, groups, scales + r * scale_stride);
    }
    for (std::size_t first = 0; first < x_rows; first += kXAtOnce) {
      const std::size_t m = std::min(kXAtOnce, x_rows - first);
      if (rows == kRowsAtOnce)
        rows_dot<kRowsAtOnce>(o, row, x_row + first, m, scales, scale_stride, sums.data());
      else
        rows_dot<1>(o, row, x_row + first, m, scales, scale_stride, sums.data());
      for (std::size_t r = 0; r < rows; r++)
        for (std::size_t i = 0; i < m; i++)
          store(row + r, first + i, sums[r * m + i]);
    }
    row += rows;
  }
}

// The x of a dispatch as the format wants it. Every thread makes its own once: that is quicker than
// waiting for another one.
Operands operands(const Arguments& a, WeightMatrix w, std::size_t x_rows, std::size_t x_stride,
                  std::size_t x_offset) {
  const float* x = a.f32(0) + x_offset;
  if (!is_group_format(w.format)) return {w, x, x_stride};
  static thread_local Scratch scratch;
  const bool q4 = w.format == WeightFormat::kQ4;
  const std::size_t stride = (q4 ? x_layout<FormatQ4>(w.k) : x_layout<FormatQ3>(w.k)).floats();
  float* xt = scratch.floats(x_rows * stride);
  if (!scratch.filled_for(a.serial))
    for (std::size_t r = 0; r < x_rows; r++)
      q4 ? transpose_x<FormatQ4>(x + r * x_stride, w.k, xt + r * stride)
         : transpose_x<FormatQ3>(x + r * x_stride, w.k, xt + r * stride);
  return {w, xt, stride};
}

WeightMatrix matrix(const Arguments& a) {
  return {a.data[1], a.data[2], WeightFormat{a.words[0]}, ScaleFormat{a.words[1]}, a.size(2)};
}

void matvec(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t rows = a.size(6), y_stride = a.size(9), y_offset = a.size(10);
  const Operands o = operands(a, matrix(a), rows, a.size(7), a.size(8));
  const float* bias = a.flag(4) ? a.f32(3) : nullptr;
  const float* residual = a.flag(5) ? a.f32(4) : nullptr;
  float* y = a.f32(5);
  const float scale = a.real(11);
  multiply(o, begin, end, 0, rows, [=](std::size_t i, std::size_t r, float sum) {
    const std::size_t at = r * y_stride + y_offset + i;
    if (bias != nullptr) sum += bias[i];
    sum *= scale;
    y[at] = residual == nullptr ? sum : sum + residual[at];
  });
}

// Items are (slot, i): rows of the chosen matrices.
void moe_matvec(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t n = a.size(3), top_k = a.size(5), first = a.size(9), count = a.size(10);
  const bool per_slot = a.flag(6);
  const std::size_t x_rows = a.size(7) * (per_slot ? top_k : 1);
  const Operands o = operands(a, matrix(a), x_rows, a.size(8), 0);
  const float* bias = a.flag(4) ? a.f32(3) : nullptr;
  while (begin < end) {
    const std::size_t slot = begin / n, stop = std::min(end, (slot + 1) * n);
    const std::size_t expert = a.u32(4)[slot];
    if (expert >= first && expert - first < count) {
      const std::size_t matrix_row = (expert - first) * n;
      float* y = a.f32(5) + slot * n;
      multiply(o, matrix_row + begin - slot * n, matrix_row + stop - slot * n,
               per_slot ? slot : slot / top_k, 1, [=](std::size_t row, std::size_t, float sum) {
                 y[row - matrix_row] = bias != nullptr ? sum + bias[row] : sum;
               });
    }
    begin = stop;
  }
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {

HWY_EXPORT(matvec);
HWY_EXPORT(moe_matvec);

void run_matvec(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(matvec)(a, begin, end);
}
void run_moe(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(moe_matvec)(a, begin, end);
}

std::size_t rows_of_weights(const Arguments& a) { return a.size(3); }
std::size_t rows_of_slots(const Arguments& a) { return a.size(7) * a.size(5) * a.size(3); }
// Results of a line of the cache are written by one thread.
constexpr std::size_t kLine = 16;
// At 20 bytes a nanosecond.
std::size_t row_cost(const Arguments& a) {
  return 5 + weight_row_bytes(WeightFormat{a.words[0]}, a.size(2)) / 20;
}

}  // namespace

constexpr CpuKernel kFastMatvec = {rows_of_weights, run_matvec, row_cost, kLine};
constexpr CpuKernel kFastMoeMatmul = {rows_of_slots, run_moe, row_cost, kLine};

}  // namespace mlc
#endif  // HWY_ONCE
