// Vectors of weights, for one SIMD level: what loading a number, a code or a scale is.
#if defined(MLC_WEIGHT_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLC_WEIGHT_VECTORS_INL_H
#undef MLC_WEIGHT_VECTORS_INL_H
#else
#define MLC_WEIGHT_VECTORS_INL_H
#endif

#include <algorithm>
#include <cstring>
#include <utility>

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

// Calls body(integral_constant 0), body(1), ... body(N - 1): loops over arrays of vectors that are
// unrolled before the compiler decides what stays in registers.
template <class Body, std::size_t... kIndex>
HWY_INLINE void unrolled(const Body& body, std::index_sequence<kIndex...>) {
  (body(std::integral_constant<std::size_t, kIndex>()), ...);
}
template <std::size_t kCount, class Body>
HWY_INLINE void unrolled(const Body& body) {
  unrolled(body, std::make_index_sequence<kCount>());
}

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

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
