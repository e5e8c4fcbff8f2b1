// Sums over a row of weights, for one SIMD level: included by *_simd.cc once per level.
//
// Codes of a group format are taken from a vector of words by shifting: code j of word l belongs to
// column C l + j (C codes to a word), so the x that it meets is laid out before as xt[j][l] = x[C l
// + j], block by block of as many words as a vector has lanes. A vector holds whole groups (4 words
// each), whose scales are spread over their lanes.
#if defined(MLC_ROW_DOT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLC_ROW_DOT_INL_H
#undef MLC_ROW_DOT_INL_H
#else
#define MLC_ROW_DOT_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "runtime-min/cpu/weight_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What x looks like to a format: blocks of `steps` vectors, each with `columns` elements.
struct XLayout {
  std::size_t steps, columns, blocks;
  std::size_t floats() const { return blocks * steps * hn::Lanes(F()); }
};

template <class Format>
XLayout x_layout(std::size_t k) {
  constexpr GroupLayout kLayout = Format::kLayout;
  const std::size_t columns = hn::Lanes(F()) * kLayout.codes_per_word;
  // Without the table, codes are taken as they are, and the zero's part, zero * sum(x), is taken
  // off: the sums stand behind the block.
  return {kLayout.codes_per_word + (MLC_CODE_TABLE ? 0 : 1), columns, (k + columns - 1) / columns};
}

// x in that order; columns from k on are 0.
template <class Format>
void transpose_x(const float* x, std::size_t k, float* xt) {
  constexpr std::size_t kCodes = Format::kLayout.codes_per_word;
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  const XLayout layout = x_layout<Format>(k);
  for (std::size_t b = 0; b < layout.blocks; b++) {
    float* out = xt + b * layout.steps * lanes;
    const std::size_t first = b * layout.columns;
    if (first + layout.columns <= k) {
      for (std::size_t l = 0; l < lanes; l++)
        for (std::size_t j = 0; j < kCodes; j++)
          out[j * lanes + l] = x[first + l * kCodes + j];
    } else {
      for (std::size_t l = 0; l < lanes; l++)
        for (std::size_t j = 0; j < kCodes; j++) {
          const std::size_t column = first + l * kCodes + j;
          out[j * lanes + l] = column < k ? x[column] : 0.0f;
        }
    }
    if (!MLC_CODE_TABLE) {
      VF sum = hn::Zero(d);
      for (std::size_t j = 0; j < kCodes; j++)
        sum = hn::Add(sum, hn::Load(d, out + j * lanes));
      hn::Store(hn::Mul(sum, hn::Set(d, -Format::kLayout.zero)), d, out + kCodes * lanes);
    }
  }
}

// Memory needs about 100 ns to answer, and what stands in several rows at once, words here and
// scales there, is more streams than the processor foresees: without being told, a core reads half
// as fast as it computes. Words are asked for as many turns ahead (each of all the rows at once).
constexpr std::size_t kTurnsAhead = 4;
constexpr std::size_t kScaleRowsAhead = 32;

HWY_INLINE void prefetch_range(const std::byte* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 64)
    hwy::Prefetch(from + at);
}

// sums[r * kX + m] = the dot product of row r of the weights and x number m.
// `row_words` u32 from row to row, `scales` floats `scale_stride` apart, xs[m] as transpose_x()
// makes it.
template <class Format, std::size_t kRows, std::size_t kX>
HWY_INLINE void group_dot(const std::uint32_t* words, std::size_t row_words, const float* scales,
                          std::size_t scale_stride, const float* const* xs, std::size_t k,
                          float* sums) {
  constexpr std::size_t kCodes = Format::kLayout.codes_per_word;
  constexpr int kBits = static_cast<int>(Format::kLayout.bits);
  const F d;
  const U du;
  const std::size_t lanes = hn::Lanes(d);
  const XLayout layout = x_layout<Format>(k);
  const ScaleSpread spread;
  const VF table = code_table<Format>();
  VF total[kRows][kX];
  unrolled<kRows>(
      [&](auto r) HWY_ATTR { unrolled<kX>([&](auto m) HWY_ATTR { total[r][m] = hn::Zero(d); }); });
  for (std::size_t b = 0; b < layout.blocks; b++) {
    const std::size_t at = b * lanes;
    const std::size_t x_at = b * layout.steps * lanes;
    VU w[kRows];
    if (at + lanes <= row_words)
      unrolled<kRows>([&](auto r) HWY_ATTR {
        const std::uint32_t* from = words + r * row_words + at;
        w[r] = hn::LoadU(du, from);
        hwy::Prefetch(from + kTurnsAhead * kRows * row_words);
      });
    else
      unrolled<kRows>([&](auto r) HWY_ATTR {
        w[r] = load_first(du, words + r * row_words + at, row_words - at);
      });
    VF sum[kRows][kX];
    unrolled<kX>([&](auto m) HWY_ATTR {
      const VF start = MLC_CODE_TABLE ? hn::Zero(d) : hn::Load(d, xs[m] + x_at + kCodes * lanes);
      unrolled<kRows>([&](auto r) HWY_ATTR { sum[r][m] = start; });
    });
    unrolled<kCodes>([&](auto j) HWY_ATTR {
      VF xj[kX];
      unrolled<kX>([&](auto m) HWY_ATTR { xj[m] = hn::Load(d, xs[m] + x_at + j * lanes); });
      unrolled<kRows>([&](auto r) HWY_ATTR {
        const VF value = code_values<Format>(table, hn::ShiftRight<j * kBits>(w[r]));
        unrolled<kX>([&](auto m) HWY_ATTR { sum[r][m] = hn::MulAdd(value, xj[m], sum[r][m]); });
      });
    });
    unrolled<kRows>([&](auto r) HWY_ATTR {
      const VF scale = spread(scales + r * scale_stride + at / 4);
      unrolled<kX>([&](auto m)
                       HWY_ATTR { total[r][m] = hn::MulAdd(sum[r][m], scale, total[r][m]); });
    });
  }
  for (std::size_t r = 0; r < kRows; r++)
    for (std::size_t m = 0; m < kX; m++)
      sums[r * kX + m] = hn::GetLane(hn::SumOfLanes(d, total[r][m]));
}

// The same for weights that are plain numbers, with x as it is.
template <class Float, std::size_t kRows, std::size_t kX>
HWY_INLINE void float_dot(const typename Float::T* weights, std::size_t k, const float* const* xs,
                          float* sums) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  VF total[kRows][kX];
  for (auto& row : total)
    for (VF& sum : row)
      sum = hn::Zero(d);
  std::size_t c = 0;
  for (; c + lanes <= k; c += lanes) {
    VF xc[kX];
    for (std::size_t m = 0; m < kX; m++)
      xc[m] = hn::LoadU(d, xs[m] + c);
    for (std::size_t r = 0; r < kRows; r++) {
      const typename Float::T* from = weights + r * k + c;
      hwy::Prefetch(from + kRows * k);
      const VF value = Float::load(from);
      for (std::size_t m = 0; m < kX; m++)
        total[r][m] = hn::MulAdd(value, xc[m], total[r][m]);
    }
  }
  if (c < k) {
    const std::size_t rest = std::min<std::size_t>(k - c, 15);  // says it to the compiler
    alignas(64) typename Float::T w_tail[16] = {};
    for (std::size_t r = 0; r < kRows; r++) {
      std::memcpy(w_tail, weights + r * k + c, rest * sizeof(w_tail[0]));
      const VF value = Float::load(w_tail);
      for (std::size_t m = 0; m < kX; m++) {
        total[r][m] = hn::MulAdd(value, load_first(d, xs[m] + c, rest), total[r][m]);
      }
    }
  }
  for (std::size_t r = 0; r < kRows; r++)
    for (std::size_t m = 0; m < kX; m++)
      sums[r * kX + m] = hn::GetLane(hn::SumOfLanes(d, total[r][m]));
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
