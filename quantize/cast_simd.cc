// The fast forms of cast_elements and store_f32_as_bf16.
#include <algorithm>

#include "quantize/cast.h"
#include "quantize/element.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize/cast_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "quantize/rounding-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Bits of the least float32 magnitude that T rounds to infinity: 65520, the middle between
// bfloat16's largest number and 2^128, infinity itself.
template <class T>
inline constexpr std::uint32_t kOverflowBits = T::kDType == DType::kF16    ? 0x477ff000u
                                               : T::kDType == DType::kBF16 ? 0x7f7f8000u
                                                                           : 0x7f800000u;

// Blocks of 64 elements; one that holds or yields anything but finite numbers is done again by the
// reference, which also counts.
template <class S, class T>
void cast_blocks(const void* src, void* dst, std::size_t n, CastCounts& counts) {
  constexpr std::size_t kBlock = 64;
  const hn::CappedTag<float, 16> d;
  const BitsOf<decltype(d)> du;
  const auto* in = static_cast<const typename S::Bits*>(src);
  auto* out = static_cast<typename T::Bits*>(dst);
  std::size_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    auto most = hn::Zero(du);
    for (std::size_t j = 0; j < kBlock; j += hn::Lanes(d)) {
      auto v = load_wide<S>(d, in + i + j);
      most = hn::Max(most, hn::BitCast(du, hn::Abs(v)));
      store_rounded<T>(d, v, out + i + j);
    }
    if (HWY_UNLIKELY(hn::GetLane(hn::MaxOfLanes(du, most)) >= kOverflowBits<T>))
      cast_elements_reference(S::kDType, in + i, T::kDType, out + i, kBlock, counts);
  }
  cast_elements_reference(S::kDType, in + i, T::kDType, out + i, n - i, counts);
}

template <class S>
void cast_from(const void* src, DType to, void* dst, std::size_t n, CastCounts& counts) {
  switch (to) {
    case DType::kF16:
      return cast_blocks<S, ElementF16>(src, dst, n, counts);
    case DType::kBF16:
      return cast_blocks<S, ElementBF16>(src, dst, n, counts);
    case DType::kF32:
      return cast_blocks<S, ElementF32>(src, dst, n, counts);
    default:
      return cast_elements_reference(S::kDType, src, to, dst, n, counts);
  }
}

void cast(DType from, const void* src, DType to, void* dst, std::size_t n, CastCounts& counts) {
  switch (from) {
    case DType::kF16:
      return cast_from<ElementF16>(src, to, dst, n, counts);
    case DType::kBF16:
      return cast_from<ElementBF16>(src, to, dst, n, counts);
    case DType::kF32:
      return cast_from<ElementF32>(src, to, dst, n, counts);
    default:
      return cast_elements_reference(from, src, to, dst, n, counts);
  }
}

// As f32_to_bf16_mlc: |v| < lim compares as integers too, NaN being above.
void store(const float* src, void* dst, std::size_t n) {
  const hn::CappedTag<float, 16> d;
  const BitsOf<decltype(d)> du;
  const hn::Rebind<std::uint16_t, decltype(d)> dh;
  auto* out = static_cast<std::uint16_t*>(dst);
  const hn::RebindToSigned<decltype(d)> di;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    auto v = hn::LoadU(d, src + i);
    auto u = hn::BitCast(du, v);
    auto inside = hn::Lt(hn::BitCast(di, hn::Abs(v)), hn::Set(di, 0x7f7f0000));
    auto last = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1u));
    auto bias = hn::IfThenElseZero(hn::RebindMask(du, inside), hn::Add(last, hn::Set(du, 0x7fffu)));
    hn::StoreU(hn::TruncateTo(dh, hn::ShiftRight<16>(hn::Add(u, bias))), dh, out + i);
  }
  store_f32_as_bf16_reference(src + i, out + i, n - i);
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {
HWY_EXPORT(cast);
HWY_EXPORT(store);
}  // namespace

void cast_elements(DType from, const void* src, DType to, void* dst, std::size_t n,
                   CastCounts& counts) {
  HWY_DYNAMIC_DISPATCH(cast)(from, src, to, dst, n, counts);
}

void store_f32_as_bf16(const float* src, void* dst, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(store)(src, dst, n);
}

}  // namespace mlc
#endif  // HWY_ONCE
