// matmul for few rows of x, and moe_matmul: rows of weights are read once, four at a time.
#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "runtime-min/cpu/fast.h"
#include "runtime-min/cpu/scratch.h"
#include "runtime-min/cpu/weights.h"

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
void group_rows(const Operands& o, std::size_t row, const float* const* xs, std::size_t x_rows,
                const float* scales, std::size_t scale_stride, float* sums) {
  const std::size_t row_words = weight_row_bytes(o.w.format, o.w.k) / sizeof(std::uint32_t);
  const std::uint32_t* words = std::bit_cast<const std::uint32_t*>(o.w.weight) + row * row_words;
  auto dot = [&](auto x_count) {
    group_dot<Format, kRows, decltype(x_count)::value>(words, row_words, scales, scale_stride, xs,
                                                       o.w.k, sums);
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
void float_rows(const Operands& o, std::size_t row, const float* const* xs, std::size_t x_rows,
                float* sums) {
  const auto* weights = std::bit_cast<const typename Float::T*>(o.w.weight) + row * o.w.k;
  auto dot = [&](auto x_count) {
    float_dot<Float, kRows, decltype(x_count)::value>(weights, o.w.k, xs, sums);
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
void rows_dot(const Operands& o, std::size_t row, const float* const* xs, std::size_t x_rows,
              const float* scales, std::size_t scale_stride, float* sums) {
  switch (o.w.format) {
    case WeightFormat::kF32:
      return float_rows<FloatF32, kRows>(o, row, xs, x_rows, sums);
    case WeightFormat::kF16:
      return float_rows<FloatF16, kRows>(o, row, xs, x_rows, sums);
    case WeightFormat::kBF16:
      return float_rows<FloatBF16, kRows>(o, row, xs, x_rows, sums);
    case WeightFormat::kQ4:
      return group_rows<FormatQ4, kRows>(o, row, xs, x_rows, scales, scale_stride, sums);
    case WeightFormat::kQ3:
      return group_rows<FormatQ3, kRows>(o, row, xs, x_rows, scales, scale_stride, sums);
  }
}

// Calls store(row, m, sum) for the rows [begin, end) of the weights and the x_rows rows of x at xs.
template <class Store>
HWY_INLINE void multiply(const Operands& o, std::size_t begin, std::size_t end,
                         const float* const* xs, std::size_t x_rows, const Store& store) {
  static thread_local Scratch scale_scratch;
  const bool grouped = is_group_format(o.w.format);
  const std::size_t groups = groups_of_row(o.w.format, o.w.k);
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
        rows_dot<kRowsAtOnce>(o, row, xs + first, m, scales, scale_stride, sums.data());
      else
        rows_dot<1>(o, row, xs + first, m, scales, scale_stride, sums.data());
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
  std::array<const float*, kMatvecRows> xs{};
  for (std::size_t r = 0; r < rows; r++)
    xs[r] = o.x + r * o.x_stride;
  multiply(o, begin, end, xs.data(), rows, [=](std::size_t i, std::size_t r, float sum) {
    const std::size_t at = r * y_stride + y_offset + i;
    if (bias != nullptr) sum += bias[i];
    sum *= scale;
    y[at] = residual == nullptr ? sum : sum + residual[at];
  });
}

// Items are rows of all experts' matrices: each is read once for all slots that chose it.
void moe_matvec(const Arguments& a, std::size_t begin, std::size_t end) {
  static thread_local std::vector<const float*> xs;
  static thread_local std::vector<std::size_t> slots;
  const std::size_t n = a.size(3), top_k = a.size(5), all_slots = a.size(7) * top_k;
  const bool per_slot = a.flag(6);
  const Operands o = operands(a, matrix(a), per_slot ? all_slots : a.size(7), a.size(8), 0);
  const float* bias = a.flag(4) ? a.f32(3) : nullptr;
  float* y = a.f32(5);
  while (begin < end) {
    const std::size_t expert = begin / n, stop = std::min(end, (expert + 1) * n);
    xs.clear();
    slots.clear();
    for (std::size_t slot = 0; slot < all_slots; slot++)
      if (a.u32(4)[slot] == a.size(9) + expert) {
        slots.push_back(slot);
        xs.push_back(o.x + (per_slot ? slot : slot / top_k) * o.x_stride);
      }
    if (!slots.empty())
      multiply(o, begin, stop, xs.data(), xs.size(),
               [&](std::size_t row, std::size_t m, float sum) HWY_ATTR {
                 y[slots[m] * n + row - expert * n] = bias != nullptr ? sum + bias[row] : sum;
               });
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
std::size_t rows_of_experts(const Arguments& a) { return a.size(10) * a.size(3); }
std::size_t chosen_rows(const Arguments& a) {
  return std::min(a.size(10), a.size(7) * a.size(5)) * a.size(3);
}
// Results of a line of the cache are written by one thread.
constexpr std::size_t kLine = 16;
// At 20 bytes a nanosecond.
std::size_t row_cost(const Arguments& a) {
  return 5 + weight_row_bytes(WeightFormat{a.words[0]}, a.size(2)) / 20;
}

}  // namespace

constexpr CpuKernel kFastMatvec = {rows_of_weights, run_matvec, row_cost, kLine};
constexpr CpuKernel kFastMoeMatmul = {rows_of_experts, run_moe, row_cost, kLine, chosen_rows};

}  // namespace mlc
#endif  // HWY_ONCE
