// Group quantization of whole groups with vectors of any width, for all schemes, sources and rules.
//
// The plain formula, step by step, on float32 lanes; it is exact wherever the roundings to T can be
// done with vector arithmetic, that is for groups whose largest magnitude lies in SafeRange<T>.
// Every other group (zeros, tiny values, the largest float16, infinity, NaN) goes to the reference.
#if defined(MLC_QUANTIZE_GROUP_BATCH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLC_QUANTIZE_GROUP_BATCH_INL_H
#undef MLC_QUANTIZE_GROUP_BATCH_INL_H
#else
#define MLC_QUANTIZE_GROUP_BATCH_INL_H
#endif

#include <algorithm>
#include <array>
#include <cstring>

#include <hwy/highway.h>

#include "quantize/group_reference.h"
#include "quantize/group_run.h"
#include "quantize/rounding-inl.h"

#if HWY_TARGET != HWY_SCALAR  // there the reference is as good
HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Groups are taken sixteen at a time, so that the work on scales fills vectors too.
inline constexpr std::size_t kBatch = 16;

// The largest magnitude of a group, after the cast to T, for which
//  - the scale is not zero and so near max / M that w / scale + M lies in [-0.25, 2M + 0.25]:
//    rounding needs no clamping;
//  - no intermediate value leaves the finite range of T, nor the product of code and scale.
// float16: a scale of 2^-20 or more has a relative error below 2^-5. 65504 is left out because 7 x
// (65504 / 7) rounds to infinity. bfloat16, float32: far from both ends of the exponent range.
template <class T>
struct SafeRange {
  static constexpr float kMin = T::kDType == DType::kF16 ? 0x1p-17f : 0x1p-100f;
  static constexpr float kMax = T::kDType == DType::kF16 ? 65472.0f : 0x1p100f;
};

template <int kBitsPerCode>
struct Scheme {
  static constexpr std::size_t kGroup = kBitsPerCode == 4 ? 32 : 40;
  static constexpr std::size_t kWords = kGroup / (32 / kBitsPerCode);
  static constexpr float kM = kBitsPerCode == 4 ? 7.0f : 3.0f;
  // The widest vector that divides a group.
  using D = hn::CappedTag<float, kBitsPerCode == 4 ? 16 : 8>;
};

// Largest magnitude of one group before the cast (rounding is monotonic, so the cast of the largest
// is the largest of the cast). Compared as integers: NaN exceeds infinity exceeds everything.
template <class S, class D>
HWY_INLINE float largest_magnitude(D d, const typename S::Bits* src, std::size_t n) {
  const BitsOf<D> du;
  auto most = hn::Zero(du);
  for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
    auto bits = hn::BitCast(du, hn::Abs(load_wide<S>(d, src + i)));
    most = hn::Max(most, bits);
  }
  return bits_f32(hn::GetLane(hn::MaxOfLanes(du, most)));
}

// Codes of one vector. z = rn(rn(w / scale) + M) is in [-0.25, 2M + 0.25]; adding 2^23 rounds it to
// an integer, ties to even, which then stands in the low bits. Half away differs from that only
// where a tie went down. (The rounding to T may be off for results below T's normal range, |w /
// scale| < 2^-14; then z is M either way.)
template <class T, class D, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> codes_of(D d, V w, V scale, V m, bool half_away) {
  const BitsOf<D> du;
  const auto magic = hn::Set(d, 0x1p23f);
  auto z = round_vector<T>(d, hn::Div(w, scale));
  z = round_vector<T>(d, hn::Add(z, m));
  auto sum = hn::Add(z, magic);
  auto code = hn::Sub(hn::BitCast(du, sum), hn::BitCast(du, magic));
  if (half_away) {
    auto rest = hn::Sub(z, hn::Sub(sum, magic));
    auto up = hn::IfThenElseZero(hn::Eq(rest, hn::Set(d, 0.5f)), hn::BitCast(d, hn::Set(du, 1u)));
    code = hn::Add(code, hn::BitCast(du, up));
  }
  return code;
}

// lanes[i] += double(v[i])^2
template <class D, class V = hn::Vec<D>>
HWY_INLINE void add_squares(D /*d*/, V v, double* lanes) {
  const hn::Half<D> dh;
  const hn::Rebind<double, decltype(dh)> dd;
  const std::size_t n = hn::Lanes(dd);
  auto lower = hn::PromoteTo(dd, hn::LowerHalf(dh, v));
  auto upper = hn::PromoteTo(dd, hn::UpperHalf(dh, v));
  hn::StoreU(hn::Add(hn::LoadU(dd, lanes), hn::Mul(lower, lower)), dd, lanes);
  hn::StoreU(hn::Add(hn::LoadU(dd, lanes + n), hn::Mul(upper, upper)), dd, lanes + n);
}

template <class T, class D, class V = hn::Vec<D>>
HWY_INLINE void add_errors(D d, V w, hn::Vec<hn::RebindToUnsigned<D>> code, V stored, V m,
                           std::size_t at, ErrorLanes& lanes) {
  auto number = hn::ConvertTo(d, hn::BitCast(hn::RebindToSigned<D>(), code));
  auto back = round_vector<T>(d, hn::Mul(hn::Sub(number, m), stored));
  add_squares(d, hn::Sub(w, back), lanes.error.data() + at);
  add_squares(d, w, lanes.weight.data() + at);
}

// `n` bytes of one code each become words. Two neighbours meet in a 16-bit lane.
HWY_INLINE void pack_codes(Scheme<4>, const std::uint8_t* codes, std::size_t groups,
                           std::uint32_t* words) {
  const hn::CappedTag<std::uint16_t, 16> d;
  const hn::Rebind<std::uint8_t, decltype(d)> db;
  auto* out = reinterpret_cast<std::uint8_t*>(words);
  for (std::size_t i = 0; i < groups * 16; i += hn::Lanes(d)) {
    auto pair = hn::LoadU(d, reinterpret_cast<const std::uint16_t*>(codes) + i);
    auto both = hn::And(hn::Or(pair, hn::ShiftRight<4>(pair)), hn::Set(d, std::uint16_t{0xff}));
    hn::StoreU(hn::TruncateTo(db, both), db, out + i);
  }
}

// Eight bytes of 3-bit codes -> 24 bits, by joining neighbours three times.
HWY_INLINE std::uint32_t join_eight(const std::uint8_t* codes) {
  std::uint64_t x;
  std::memcpy(&x, codes, sizeof x);
  x = (x | x >> 5) & 0x003f003f003f003fu;
  x = (x | x >> 10) & 0x00000fff00000fffu;
  return static_cast<std::uint32_t>(x | x >> 20) & 0xffffffu;
}

HWY_INLINE void pack_codes(Scheme<3>, const std::uint8_t* codes, std::size_t groups,
                           std::uint32_t* words) {
  for (std::size_t g = 0; g < groups; g++, codes += 40, words += 4) {
    std::uint32_t a = join_eight(codes), b = join_eight(codes + 8), c = join_eight(codes + 16);
    std::uint32_t e = join_eight(codes + 24), f = join_eight(codes + 32);
    words[0] = a | (b & 0x3fu) << 24;           // codes 0 to 9: 8 of a, 2 of b
    words[1] = b >> 6 | (c & 0xfffu) << 18;     // 6 of b, 4 of c
    words[2] = c >> 12 | (e & 0x3ffffu) << 12;  // 4 of c, 6 of e
    words[3] = e >> 18 | f << 6;                // 2 of e, 8 of f
  }
}

template <int kBitsPerCode, class T, class S, bool kWantError>
void quantize_run(const GroupRun& run, ErrorLanes& lanes, QuantCounts& counts) {
  using C = Scheme<kBitsPerCode>;
  const typename C::D d;
  const std::size_t width = hn::Lanes(d);
  const auto m = hn::Set(d, C::kM);
  const bool half_away = run.rule->rounding == Rounding::kHalfAway;
  const auto* src = static_cast<const typename S::Bits*>(run.src);
  auto* scales = static_cast<typename T::Bits*>(run.scales);
  std::uint32_t* words = run.words;

  alignas(64) std::array<std::uint8_t, kBatch * C::kGroup> codes{};
  alignas(64) std::array<float, kBatch> most{};
  alignas(64) std::array<float, kBatch> scale{};
  alignas(64) std::array<typename T::Bits, kBatch> scale_bits{};
  for (std::size_t first = 0; first < run.groups; first += kBatch) {
    const std::size_t batch = std::min(kBatch, run.groups - first);
    for (std::size_t g = 0; g < batch; g++)
      most[g] = largest_magnitude<S>(d, src + g * C::kGroup, C::kGroup);

    const hn::CappedTag<float, kBatch> ds;
    const auto constant =
        run.rule->reciprocal ? hn::Set(ds, round_to<T>(1.0f / C::kM)) : hn::Set(ds, C::kM);
    for (std::size_t g = 0; g < kBatch; g += hn::Lanes(ds)) {
      auto max = round_vector<T>(ds, hn::Load(ds, most.data() + g));
      hn::Store(max, ds, most.data() + g);
      auto s = run.rule->reciprocal ? hn::Mul(max, constant) : hn::Div(max, constant);
      s = round_vector<T>(ds, s);
      hn::Store(s, ds, scale.data() + g);
      store_narrow<T>(ds, s, scale_bits.data() + g);
    }

    std::array<std::uint32_t, kBatch * C::kWords> odd_words;
    std::array<bool, kBatch> odd{};
    bool any_odd = false;
    for (std::size_t g = 0; g < batch; g++) {
      const typename S::Bits* group = src + g * C::kGroup;
      // Written so that NaN fails.
      if (!(most[g] >= SafeRange<T>::kMin && most[g] <= SafeRange<T>::kMax)) {
        quantize_group_reference(*run.q, *run.rule, group, S::kDType, C::kGroup,
                                 odd_words.data() + g * C::kWords, scales + g,
                                 kWantError ? &lanes : nullptr, counts);
        odd[g] = any_odd = true;
        continue;
      }
      counts.groups++;
      std::memcpy(scales + g, &scale_bits[g], sizeof scale_bits[g]);
      const auto s = hn::Set(d, scale[g]);
      for (std::size_t i = 0; i < C::kGroup; i += width) {
        auto w = load_wide<S>(d, group + i);
        if constexpr (S::kDType != T::kDType) w = round_vector<T>(d, w);
        auto code = codes_of<T>(d, w, s, m, half_away);
        const hn::Rebind<std::uint8_t, decltype(d)> db;
        hn::StoreU(hn::TruncateTo(db, code), db, codes.data() + g * C::kGroup + i);
        if constexpr (kWantError)
          add_errors<T>(d, w, code, hn::Set(d, stored_scale<T>(scale_bits[g])), m, i, lanes);
      }
    }
    pack_codes(C{}, codes.data(), batch, words);
    if (any_odd) {
      for (std::size_t g = 0; g < batch; g++)
        if (odd[g]) std::copy_n(odd_words.data() + g * C::kWords, C::kWords, words + g * C::kWords);
    }
    src += batch * C::kGroup;
    words += batch * C::kWords;
    scales += batch;
  }
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif  // guard
