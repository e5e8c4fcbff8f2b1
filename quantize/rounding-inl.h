// float32 vectors that hold values of T: loading, rounding and storing, for every SIMD level.
//
// Included once per Highway target (foreach_target.h), hence the unusual guard.
#if defined(MLC_QUANTIZE_ROUNDING_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLC_QUANTIZE_ROUNDING_INL_H
#undef MLC_QUANTIZE_ROUNDING_INL_H
#else
#define MLC_QUANTIZE_ROUNDING_INL_H
#endif

#include <cstddef>
#include <cstdint>

#include <hwy/highway.h>

#include "quantize/element.h"

// F16C comes with AVX2; its conversions are the IEEE ones, subnormals included.
#undef MLC_HAVE_F16C
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
#define MLC_HAVE_F16C 1
#else
#define MLC_HAVE_F16C 0
#endif

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
using BitsOf = hn::RebindToUnsigned<D>;

// To nearest, ties to even, on the 23 - kDrop bits that stay: adding one half minus one unit plus
// the last kept bit carries exactly when it should. Right for normal results of the target format.
template <int kDrop, class D, class V = hn::Vec<D>>
HWY_INLINE V drop_mantissa_bits(D d, V v) {
  const BitsOf<D> du;
  auto u = hn::BitCast(du, v);
  auto last = hn::And(hn::ShiftRight<kDrop>(u), hn::Set(du, 1u));
  u = hn::Add(hn::Add(u, hn::Set(du, (1u << (kDrop - 1)) - 1u)), last);
  return hn::BitCast(d, hn::And(u, hn::Set(du, ~((1u << kDrop) - 1u))));
}

// As round_to<T>, for finite v whose result is finite.
template <class T, class D, class V = hn::Vec<D>>
HWY_INLINE V round_vector(D d, V v) {
  if constexpr (T::kDType == DType::kF16) {
#if MLC_HAVE_F16C
    return hn::PromoteTo(d, hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), v));
#else
    // Below 2^-14 float16 is spaced 2^-24, as float32 is in [0.5, 1): there the sum with 0.75
    // rounds as wanted.
    const auto shift = hn::Set(d, 0.75f);
    auto subnormal = hn::CopySign(hn::Sub(hn::Add(v, shift), shift), v);
    auto is_subnormal = hn::Lt(hn::Abs(v), hn::Set(d, 0x1p-14f));
    return hn::IfThenElse(is_subnormal, subnormal, drop_mantissa_bits<13>(d, v));
#endif
  } else if constexpr (T::kDType == DType::kBF16) {
    return drop_mantissa_bits<16>(d, v);
  } else {
    return v;
  }
}

// Widened bits of T, as T::widen.
template <class T, class D>
HWY_INLINE hn::Vec<D> load_wide(D d, const typename T::Bits* src) {
  const BitsOf<D> du;
  if constexpr (T::kDType == DType::kF32) {
    return hn::BitCast(d, hn::LoadU(du, src));
  } else if constexpr (T::kDType == DType::kBF16) {
    auto wide = hn::PromoteTo(du, hn::LoadU(hn::Rebind<std::uint16_t, D>(), src));
    return hn::BitCast(d, hn::ShiftLeft<16>(wide));
  } else {
#if MLC_HAVE_F16C
    const hn::Rebind<hwy::float16_t, D> dh;
    auto half = hn::LoadU(hn::Rebind<std::uint16_t, D>(), src);
    return hn::PromoteTo(d, hn::BitCast(dh, half));
#else
    // Exponent and mantissa moved up by 13 are the value times 2^(15 - 127), subnormals included.
    // Infinity and NaN then have the exponent of 65536 and get float32's largest instead.
    auto wide = hn::PromoteTo(du, hn::LoadU(hn::Rebind<std::uint16_t, D>(), src));
    auto sign = hn::BitCast(d, hn::ShiftLeft<16>(hn::And(wide, hn::Set(du, 0x8000u))));
    auto magnitude = hn::ShiftLeft<13>(hn::And(wide, hn::Set(du, 0x7fffu)));
    auto value = hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f));
    auto special = hn::IfThenElseZero(hn::Ge(value, hn::Set(d, 65536.0f)),
                                      hn::BitCast(d, hn::Set(du, 0x7f800000u)));
    return hn::Or(hn::Or(value, special), sign);
#endif
  }
}

// Stores values of T (finite, exactly representable) as bits of T.
template <class T, class D, class V = hn::Vec<D>>
HWY_INLINE void store_narrow(D d, V v, typename T::Bits* dst) {
  const BitsOf<D> du;
  auto u = hn::BitCast(du, v);
  if constexpr (T::kDType == DType::kF32) {
    hn::StoreU(u, du, dst);
  } else if constexpr (T::kDType == DType::kBF16) {
    const hn::Rebind<std::uint16_t, D> dh;
    hn::StoreU(hn::TruncateTo(dh, hn::ShiftRight<16>(u)), dh, dst);
  } else {
    const hn::Rebind<std::uint16_t, D> dh;
#if MLC_HAVE_F16C
    hn::StoreU(hn::BitCast(dh, hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), v)), dh, dst);
#else
    // The reverse of load_wide: times 2^-112 the float32 pattern is the float16 one, moved up
    // by 13.
    auto sign = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 0x8000u));
    auto value = hn::BitCast(du, hn::Mul(hn::Abs(v), hn::Set(d, 0x1p-112f)));
    hn::StoreU(hn::TruncateTo(dh, hn::Or(hn::ShiftRight<13>(value), sign)), dh, dst);
#endif
  }
}

// Rounds to T and stores, for finite v whose result is finite.
template <class T, class D, class V = hn::Vec<D>>
HWY_INLINE void store_rounded(D d, V v, typename T::Bits* dst) {
#if MLC_HAVE_F16C
  if constexpr (T::kDType == DType::kF16) return store_narrow<T>(d, v, dst);
#endif
  store_narrow<T>(d, round_vector<T>(d, v), dst);
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // guard
