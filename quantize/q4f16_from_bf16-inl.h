// The one path that has to keep up with memory: bfloat16 to 4-bit codes with float16 scales, where
// a group is exactly one vector of 512 bits and a table of 16 thresholds is one register.
//
// bfloat16 numbers are float16 numbers from 2^-17 up to 65280, the largest below overflow; so in a
// group whose largest magnitude is in [2^-13, 65280] the cast changes nothing that matters: its
// scale is at least 2^-15.9, and below 2^-17 < 0.49 x scale every w, cast or not, has code 7.
#if defined(MLC_QUANTIZE_Q4F16_FROM_BF16_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLC_QUANTIZE_Q4F16_FROM_BF16_INL_H
#undef MLC_QUANTIZE_Q4F16_FROM_BF16_INL_H
#else
#define MLC_QUANTIZE_Q4F16_FROM_BF16_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "quantize/element.h"
#include "quantize/group_batch-inl.h"
#include "quantize/group_run.h"
#include "quantize/thresholds.h"

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One step of a transposing maximum: lanes of `DL` from a and b alternate in the result, each the
// maximum, as 16-bit numbers, of two lanes of its source half a block apart.
template <class DL, class V>
HWY_INLINE V fold(DL dl, V a, V b) {
  const hn::Repartition<std::uint16_t, DL> d16;
  auto al = hn::BitCast(dl, a);
  auto bl = hn::BitCast(dl, b);
  return hn::Max(hn::BitCast(d16, hn::InterleaveLower(dl, al, bl)),
                 hn::BitCast(d16, hn::InterleaveUpper(dl, al, bl)));
}

// Largest magnitudes of sixteen groups of 32 bfloat16, one float32 lane each.
HWY_INLINE hn::Vec<hn::Full512<float>> largest_magnitudes(const std::uint16_t* src) {
  const hn::Full512<std::uint16_t> d16;
  const hn::Full512<std::uint32_t> d32;
  const hn::Full512<std::uint64_t> d64;
  const hn::Half<decltype(d16)> d16h;
  const hn::Half<decltype(d16h)> d16q;
  const auto no_sign = hn::Set(d16, std::uint16_t{0x7fff});
  auto load = [&](std::size_t g) { return hn::And(hn::LoadU(d16, src + 32 * g), no_sign); };
  auto fold4 = [&](std::size_t g) {
    return fold(d32, fold(d16, load(g), load(g + 1)), fold(d16, load(g + 2), load(g + 3)));
  };
  auto fold8 = [&](std::size_t g) {
    auto blocks = fold(d64, fold4(g), fold4(g + 4));  // four partial maxima of each group
    auto halves = hn::Max(hn::LowerHalf(d16h, blocks), hn::UpperHalf(d16h, blocks));
    return hn::Max(hn::LowerHalf(d16q, halves), hn::UpperHalf(d16q, halves));
  };
  auto low = fold8(0);
  auto bits = hn::PromoteTo(d32, hn::Combine(d16h, fold8(8), low));
  return hn::BitCast(hn::Full512<float>(), hn::ShiftLeft<16>(bits));
}

// Codes of sixteen elements; the caller masks or shifts away all but the lowest 4 bits, which is
// why nothing here does. The first guess is floor(w / scale + 7.5 - 1/64): 2^15 added in the same
// operation leaves 8 bits of fraction. Thresholds lie within 0.0059 of k - 6.5 and the guess errs
// by less than 2^-8, so the code is the guess or one more.
HWY_INLINE hn::Vec<hn::Full512<std::uint32_t>> codes_by_threshold(
    hn::Vec<hn::Full512<float>> w, hn::Vec<hn::Full512<float>> reciprocal,
    hn::Vec<hn::Full512<float>> bounds) {
  const hn::Full512<float> d;
  const hn::Full512<std::uint32_t> du;
  auto sum = hn::MulAdd(w, reciprocal, hn::Set(d, 0x1p15f + 7.5f - 0x1p-6f));
  auto guess = hn::And(hn::ShiftRight<8>(hn::BitCast(du, sum)), hn::Set(du, 15u));
  auto bound = hn::TableLookupLanes(bounds, hn::IndicesFromVec(d, guess));
  auto more = hn::RebindMask(du, hn::Ge(w, bound));
  return hn::IfThenElse(more, hn::Add(guess, hn::Set(du, 1u)), guess);
}

// As quantize_run<4, ElementF16, ElementBF16, false>.
inline void quantize_q4f16_from_bf16(const GroupRun& run, ErrorLanes& lanes, QuantCounts& counts) {
  const hn::Full512<float> d;
  const hn::Full512<std::int32_t> di;
  const hn::Full512<std::uint32_t> du;
  const hn::Rebind<hwy::float16_t, decltype(d)> dh;
  const hn::Rebind<std::uint16_t, decltype(d)> d16;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  const Thresholds& thresholds =
      run.rule->rounding == Rounding::kHalfAway ? kHalfAwayThresholds : kHalfEvenThresholds;
  const auto table = hn::Load(d, thresholds.t.data());
  const auto bump = hn::Load(di, thresholds.bump.data());
  const auto seven = hn::Set(d, 7.0f);
  const auto seventh = hn::Set(d, round_to<ElementF16>(1.0f / 7));
  const auto upper = hn::Set(du, 0xffff0000u);

  GroupRun rest = run;
  const auto* src = static_cast<const std::uint16_t*>(run.src);
  auto* scales = static_cast<std::uint16_t*>(run.scales);
  auto* out = reinterpret_cast<std::uint8_t*>(run.words);
  alignas(64) std::array<float, kBatch> scale;
  alignas(64) std::array<float, kBatch> reciprocal;
  std::size_t done = 0;
  for (; done + kBatch <= run.groups; done += kBatch) {
    // 8 KiB ahead. From memory this is worth half as much speed again (13.5 against 21 GB/s on a
    // Zen 5, where memcpy makes 18.5); the slower kernels gain nothing by it.
    const std::size_t ahead = done + 9 * kBatch <= run.groups ? 8 * kBatch * 32 : 0;
    auto max = largest_magnitudes(src);
    auto safe = hn::And(hn::Ge(max, hn::Set(d, 0x1p-13f)), hn::Le(max, hn::Set(d, 65280.0f)));
    if (HWY_LIKELY(hn::AllTrue(d, safe))) {
      auto s = run.rule->reciprocal ? hn::Mul(max, seventh) : hn::Div(max, seven);
      auto half = hn::DemoteTo(dh, s);
      hn::StoreU(hn::BitCast(d16, half), d16, scales);
      s = hn::PromoteTo(d, half);
      hn::Store(s, d, scale.data());
      hn::Store(hn::Div(hn::Set(d, 1.0f), s), d, reciprocal.data());
      for (std::size_t g = 0; g < kBatch; g++) {
        auto bounds = hn::Mul(table, hn::Set(d, scale[g]));
        bounds = hn::BitCast(d, hn::Add(hn::BitCast(di, bounds), bump));
        const auto r = hn::Set(d, reciprocal[g]);
        // A 32-bit lane holds elements 2i (low) and 2i + 1, as does the byte that comes of it.
        hwy::Prefetch(src + 32 * g + ahead);
        auto pair = hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(src + 32 * g));
        auto even = codes_by_threshold(hn::BitCast(d, hn::ShiftLeft<16>(pair)), r, bounds);
        auto odd = codes_by_threshold(hn::BitCast(d, hn::And(pair, upper)), r, bounds);
        auto both = hn::Or(even, hn::ShiftLeft<4>(odd));
        hn::StoreU(hn::TruncateTo(d8, both), d8, out + 16 * g);
      }
      counts.groups += kBatch;
    } else {
      rest.src = src;
      rest.scales = scales;
      rest.words = reinterpret_cast<std::uint32_t*>(out);
      rest.groups = kBatch;
      quantize_run<4, ElementF16, ElementBF16, false>(rest, lanes, counts);
    }
    src += 32 * kBatch;
    scales += kBatch;
    out += 16 * kBatch;
  }
  rest.src = src;
  rest.scales = scales;
  rest.words = reinterpret_cast<std::uint32_t*>(out);
  rest.groups = run.groups - done;
  quantize_run<4, ElementF16, ElementBF16, false>(rest, lanes, counts);
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif  // guard
