// Sums over a row of weights, for one SIMD level: included by *_simd.cc once per level.
//
// Codes of a group format are taken from a vector of words by shifting: code j of word l belongs to
// column C l + j (C codes to a word), so the x that it meets is laid out before as xt[j][l] = x[C l
// + j], block by block of as many words as a vector has lanes. bf16 is the same with two "codes".
// One vector holds whole groups (4 words each), whose scales are spread over their lanes.
#if defined(MLC_ROW_DOT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLC_ROW_DOT_INL_H
#undef MLC_ROW_DOT_INL_H
#else
#define MLC_ROW_DOT_INL_H
#endif

#include <algorithm>
#include <cstring>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "runtime-min/cpu/weights.h"

// With AVX-512 one instruction turns 16 codes into floats, and looks at their lowest four bits
// only.
#undef MLC_CODE_TABLE
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
#define MLC_CODE_TABLE 1
#else
#define MLC_CODE_TABLE 0
#endif

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::CappedTag<float, 16>;
using U = hn::RebindToUnsigned<F>;
using VF = hn::Vec<F>;
using VU = hn::Vec<U>;

// The first `count` elements, 0 behind them; what lies there is not touched.
template <class D>
HWY_INLINE hn::Vec<D> load_first(D d, const hn::TFromD<D>* from, std::size_t count) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#else
  alignas(64) hn::TFromD<D> part[16] = {};
  std::memcpy(part, from, count * sizeof(part[0]));
  return hn::Load(d, part);
#endif
}

// Formats of plain numbers.
struct FloatF32 {
  using T = float;
  static HWY_INLINE VF load(const T* from) { return hn::LoadU(F(), from); }
};
struct FloatF16 {
  using T = hwy::float16_t;
  static HWY_INLINE VF load(const T* from) {
    return hn::PromoteTo(F(), hn::LoadU(hn::Rebind<T, F>(), from));
  }
};
struct FloatBF16 {
  using T = hwy::bfloat16_t;
  static HWY_INLINE VF load(const T* from) {
    return hn::PromoteTo(F(), hn::LoadU(hn::Rebind<T, F>(), from));
  }
};

struct FormatQ4 {
  static constexpr GroupLayout kLayout = kLayoutQ4;
};
struct FormatQ3 {
  static constexpr GroupLayout kLayout = kLayoutQ3;
};

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

// The table of the codes' values (an index into it may have bits of the next code above its own),
// or nothing.
template <class Format>
HWY_INLINE VF code_table() {
  const F d;
  alignas(64) float values[16];
  for (std::uint32_t i = 0; i < 16; i++)
    values[i] = static_cast<float>(i & ((1u << Format::kLayout.bits) - 1)) - Format::kLayout.zero;
  return MLC_CODE_TABLE ? hn::Load(d, values) : hn::Zero(d);
}

// The values of the lowest codes of words: with the zero taken off, or not (x_layout).
template <class Format>
HWY_INLINE VF code_values(VF table, VU words) {
#if MLC_CODE_TABLE
  const F d;
  if (HWY_IS_DEBUG_BUILD) words = hn::And(words, hn::Set(U(), 15));  // or Highway complains
  return hn::TableLookupLanes(table, hn::IndicesFromVec(d, words));
#else
  static_cast<void>(table);
  const F d;
  const hn::RebindToSigned<F> di;
  const VU code = hn::And(words, hn::Set(U(), (1u << Format::kLayout.bits) - 1));
  return hn::ConvertTo(d, hn::BitCast(di, code));
#endif
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

// Scales of `groups` groups as float32, followed by zeros for a whole vector.
HWY_INLINE void widen_scales(const std::byte* scale, ScaleFormat format, std::size_t groups,
                             float* out) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  auto vectors = [&](auto load) HWY_ATTR {
    for (; i + lanes <= groups; i += lanes)
      hn::StoreU(load(i), d, out + i);
  };
  switch (format) {
    case ScaleFormat::kF32:
      vectors([=](std::size_t at) HWY_ATTR {
        return FloatF32::load(std::bit_cast<const FloatF32::T*>(scale) + at);
      });
      break;
    case ScaleFormat::kF16:
      vectors([=](std::size_t at) HWY_ATTR {
        return FloatF16::load(std::bit_cast<const FloatF16::T*>(scale) + at);
      });
      break;
    case ScaleFormat::kBF16:
      vectors([=](std::size_t at) HWY_ATTR {
        return FloatBF16::load(std::bit_cast<const FloatBF16::T*>(scale) + at);
      });
      break;
  }
  for (; i < groups; i++)
    out[i] = scale_value(scale, format, i);
  std::fill_n(out + groups, lanes, 0.0f);
}

// The scales of the groups of a vector of words, over their lanes.
class ScaleSpread {
 public:
  ScaleSpread() : indices_(hn::SetTableIndices(F(), lanes_of().data())) {}
  HWY_INLINE VF operator()(const float* scales) const {
    return hn::TableLookupLanes(hn::LoadU(F(), scales), indices_);
  }

 private:
  static std::array<std::int32_t, 16> lanes_of() {
    std::array<std::int32_t, 16> lanes{};
    for (std::size_t i = 0; i < 16; i++)
      lanes[i] = static_cast<std::int32_t>(i / 4);
    return lanes;
  }
  decltype(hn::SetTableIndices(F(), static_cast<const std::int32_t*>(nullptr))) indices_;
};

// sums[r * kX + m] = the dot product of row r of the weights and x number m.
// `row_words` u32 from row to row, `scales` floats `scale_stride` apart, `xt` `x_stride` apart.
template <class Format, std::size_t kRows, std::size_t kX>
HWY_INLINE void group_dot(const std::uint32_t* words, std::size_t row_words, const float* scales,
                          std::size_t scale_stride, const float* xt, std::size_t x_stride,
                          std::size_t k, float* sums) {
  constexpr std::size_t kCodes = Format::kLayout.codes_per_word;
  constexpr int kBits = static_cast<int>(Format::kLayout.bits);
  const F d;
  const U du;
  const std::size_t lanes = hn::Lanes(d);
  const XLayout layout = x_layout<Format>(k);
  const ScaleSpread spread;
  const VF table = code_table<Format>();
  VF total[kRows][kX];
  for (auto& row : total)
    for (VF& sum : row)
      sum = hn::Zero(d);
  for (std::size_t b = 0; b < layout.blocks; b++) {
    VU w[kRows];
    const std::size_t at = b * lanes;
    if (at + lanes <= row_words) {
      for (std::size_t r = 0; r < kRows; r++) {
        const std::uint32_t* from = words + r * row_words + at;
        w[r] = hn::LoadU(du, from);
        hwy::Prefetch(from + kTurnsAhead * kRows * row_words);
      }
    } else {
      for (std::size_t r = 0; r < kRows; r++) {
        w[r] = load_first(du, words + r * row_words + at, row_words - at);
      }
    }
    const float* x = xt + b * layout.steps * lanes;
    VF sum[kRows][kX];
    for (std::size_t m = 0; m < kX; m++) {
      const VF start =
          MLC_CODE_TABLE ? hn::Zero(d) : hn::Load(d, x + m * x_stride + kCodes * lanes);
      for (std::size_t r = 0; r < kRows; r++)
        sum[r][m] = start;
    }
    HWY_UNROLL(10)
    for (std::size_t j = 0; j < kCodes; j++) {
      VF xj[kX];
      for (std::size_t m = 0; m < kX; m++)
        xj[m] = hn::Load(d, x + m * x_stride + j * lanes);
      for (std::size_t r = 0; r < kRows; r++) {
        const VF value = code_values<Format>(table, w[r]);
        w[r] = hn::ShiftRight<kBits>(w[r]);
        for (std::size_t m = 0; m < kX; m++)
          sum[r][m] = hn::MulAdd(value, xj[m], sum[r][m]);
      }
    }
    for (std::size_t r = 0; r < kRows; r++) {
      const VF scale = spread(scales + r * scale_stride + at / 4);
      for (std::size_t m = 0; m < kX; m++)
        total[r][m] = hn::MulAdd(sum[r][m], scale, total[r][m]);
    }
  }
  for (std::size_t r = 0; r < kRows; r++)
    for (std::size_t m = 0; m < kX; m++)
      sums[r * kX + m] = hn::GetLane(hn::SumOfLanes(d, total[r][m]));
}

// The same for weights that are plain numbers, with x as it is.
template <class Float, std::size_t kRows, std::size_t kX>
HWY_INLINE void float_dot(const typename Float::T* weights, std::size_t k, const float* x,
                          std::size_t x_stride, float* sums) {
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
      xc[m] = hn::LoadU(d, x + m * x_stride + c);
    for (std::size_t r = 0; r < kRows; r++) {
      const typename Float::T* from = weights + r * k + c;
      hwy::Prefetch(from + kRows * k);
      const VF value = Float::load(from);
      for (std::size_t m = 0; m < kX; m++)
        total[r][m] = hn::MulAdd(value, xc[m], total[r][m]);
    }
  }
  if (c < k) {
    alignas(64) typename Float::T w_tail[16] = {};
    for (std::size_t r = 0; r < kRows; r++) {
      std::memcpy(w_tail, weights + r * k + c, (k - c) * sizeof(w_tail[0]));
      const VF value = Float::load(w_tail);
      for (std::size_t m = 0; m < kX; m++) {
        total[r][m] = hn::MulAdd(value, load_first(d, x + m * x_stride + c, k - c), total[r][m]);
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
