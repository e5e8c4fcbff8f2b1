// The fast form of --method search: one group per 32-bit lane, so that no sum crosses lanes and
// every level gives the same bits. The source is transposed once (element k of all groups of a
// batch side by side); after that everything is vertical.
//
// Measured by tests/bench/search_bench on one Zen 5 core, per group of 32: 52 ns at AVX3, 105 ns at
// AVX2, three quarters of it in steps 1 to 4; that of rtn is 3 ns and 16 ns.

#include <array>
#include <cstring>

#include "base/half.h"
#include "quantize/group_search.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize/group_search_simd.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mlc::search {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

// One lane holds no pair of 16-bit numbers; the plain form is as fast.
void improve_batch(const Quantization& q, const GroupQuantBlock& block, std::size_t first,
                   std::size_t count, BatchErrors& errors) {
  improve_batch_reference(q, block, first, count, errors);
}

#else

namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, kBatch>;
using DI = hn::RebindToSigned<DF>;
using DU = hn::RebindToUnsigned<DF>;
using D16 = hn::Repartition<std::int16_t, DI>;
using VF = hn::Vec<DF>;
using VI = hn::Vec<DI>;
using VU = hn::Vec<DU>;
using V16 = hn::Vec<D16>;

template <class Lane>
using PerGroup = std::array<Lane, kBatch>;

// A batch after loading. Elements past the end of a short group, and unused groups, are zero.
struct Batch {
  alignas(64) std::array<PerGroup<std::uint32_t>, kMaxGroupSize> raw;   // as they lie in the source
  alignas(64) std::array<PerGroup<float>, kMaxGroupSize> w;             // after the cast to T
  alignas(64) std::array<PerGroup<std::int32_t>, kMaxGroupSize / 2> x;  // pairs of 16 bit, step 1
  alignas(64) std::array<PerGroup<std::int32_t>, kMaxGroupSize> codes;  // as stored, 0 to 2M + 1
  alignas(64) PerGroup<std::int32_t> size;
  alignas(64) std::array<std::uint32_t, kBatch * kWordsPerGroup> words;
  alignas(64) PerGroup<std::uint32_t> scale;  // bits of T, zero-extended
  alignas(64) PerGroup<float> rtn_error;
  alignas(64) PerGroup<float> kept_error;
  alignas(64) PerGroup<float> weight;
  alignas(64) PerGroup<std::int32_t> searched;
};

// Bits of a 2-byte float in the low half of a lane, widened.
template <DType kFrom>
HWY_INLINE VF widen(VU half) {
  const DF df;
  const DU du;
  if constexpr (kFrom == DType::kBF16) return hn::BitCast(df, hn::ShiftLeft<16>(half));
  // float16: moving exponent and mantissa into place leaves an exponent too small by 127 - 15, for
  // subnormals too; that of infinity and NaN is set apart.
  const VU magnitude = hn::ShiftLeft<13>(hn::And(half, hn::Set(du, 0x7fffu)));
  const VU sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(du, 0x8000u)));
  const VU value = hn::BitCast(du, hn::Mul(hn::BitCast(df, magnitude), hn::Set(df, 0x1p112f)));
  const VU infinite = hn::VecFromMask(du, hn::Gt(magnitude, hn::Set(du, 0x0f7fffffu)));
  const VU top = hn::And(infinite, hn::Set(du, 0x7f800000u));
  return hn::BitCast(df, hn::Or(hn::Or(value, top), sign));
}

// Rounds to T, ties to even. Right where the search uses it: |value| < 65520 for float16 (beyond,
// the result is at least 65520 or NaN), finite or NaN for bfloat16. The sign of zero may be lost.
template <DType kTo>
HWY_INLINE VF round_to(VF value) {
  const DF df;
  const DU du;
  if constexpr (kTo == DType::kF16) {
    // For 2^e <= |value| < 2^(e+1) the unit in the last place of 1.5 x 2^(e+13) is 2^(e-10), that
    // of float16; adding and subtracting it rounds. Float16's unit is never below 2^-24, that of
    // 0.75 x 2^0.
    const VF power = hn::And(value, hn::BitCast(df, hn::Set(du, 0x7f800000u)));
    const VF magic = hn::Max(hn::Mul(power, hn::Set(df, 0x1.8p13f)), hn::Set(df, 0.75f));
    return hn::Sub(hn::Add(value, magic), magic);
  } else if constexpr (kTo == DType::kBF16) {
    const VU bits = hn::BitCast(du, value);
    const VU odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
    const VU rounded = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fffu)));
    return hn::BitCast(df, hn::And(rounded, hn::Set(du, 0xffff0000u)));
  } else {
    return value;
  }
}

// Bits of T of a value that T represents, zero-extended.
template <DType kTo>
HWY_INLINE VU narrow_exact(VF value) {
  const DF df;
  const DU du;
  const VU bits = hn::BitCast(du, value);
  if constexpr (kTo == DType::kBF16) return hn::ShiftRight<16>(bits);
  if constexpr (kTo == DType::kF32) return bits;
  // The way back of widen(): the product is exact, subnormal in float32 where it is in float16.
  const VF moved = hn::Mul(hn::Abs(value), hn::Set(df, 0x1p-112f));
  const VU sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 0x8000u));
  return hn::Or(hn::ShiftRight<13>(hn::BitCast(du, moved)), sign);
}

// a0 x b0 + a1 x b1 of the two 16-bit halves of each lane, plus sum.
HWY_INLINE VI add_pair_products(V16 a, V16 b, VI sum) {
  const DI di;
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
  VI unused = sum;  // x86 has this very operation and needs one sum
  return hn::ReorderWidenMulAccumulate(di, a, b, sum, unused);
#else
  const VI a0 = hn::ShiftRight<16>(hn::ShiftLeft<16>(hn::BitCast(di, a)));
  const VI b0 = hn::ShiftRight<16>(hn::ShiftLeft<16>(hn::BitCast(di, b)));
  const VI a1 = hn::ShiftRight<16>(hn::BitCast(di, a));
  const VI b1 = hn::ShiftRight<16>(hn::BitCast(di, b));
  return hn::Add(sum, hn::Add(hn::Mul(a0, b0), hn::Mul(a1, b1)));
#endif
}

// Copies the groups' elements as 32-bit units: an element of 4 bytes, or two of 2 bytes.
void transpose_source(const Quantization& q, const GroupQuantBlock& block, std::size_t first,
                      std::size_t count, Batch& batch) {
  const std::size_t groups_in_row = groups_per_row(q, block.cols);
  const std::size_t element = size_of(block.src_dtype);
  const std::size_t units = static_cast<std::size_t>(q.group_size) * element / 4;
  for (std::size_t lane = 0; lane < kBatch; ++lane) {
    std::array<std::uint32_t, kMaxGroupSize> group{};
    batch.size[lane] = 0;
    if (lane < count) {
      const GroupPlace place = place_of(q, block.cols, groups_in_row, first + lane);
      const auto* from = static_cast<const std::byte*>(block.src) + place.offset * element;
      std::memcpy(group.data(), from, place.size * element);
      batch.size[lane] = static_cast<std::int32_t>(place.size);
    }
    for (std::size_t unit = 0; unit < units; ++unit)
      batch.raw[unit][lane] = group[unit];
  }
}

template <DType kT, int kBits>
struct Kernel {
  static constexpr std::size_t kPerWord = 32 / kBits;
  static constexpr std::size_t kGroup = kPerWord * kWordsPerGroup;
  static constexpr int kM = (1 << (kBits - 1)) - 1;
  static constexpr std::int32_t kMagicBits = 0x4b400000;  // of kRoundMagic
  static_assert(kGroup <= kMaxGroupSize);

  // Source units of the lanes from `at` on -> w; gives the largest |w| (NaN counts as larger than
  // all: its bits are).
  template <DType kFrom>
  static HWY_INLINE VF load(Batch& batch, std::size_t at) {
    const DF df;
    const DI di;
    const DU du;
    VI max_bits = hn::Zero(di);
    const auto take = [&](VF value, std::size_t k) HWY_ATTR {
      if constexpr (kFrom != kT && !(kFrom == DType::kF16 && kT == DType::kF32) &&
                    !(kFrom == DType::kBF16 && kT == DType::kF32)) {
        value = round_to<kT>(value);
      }
      hn::Store(value, df, &batch.w[k][at]);
      max_bits = hn::Max(max_bits, hn::BitCast(di, hn::Abs(value)));
    };
    if constexpr (kFrom == DType::kF32) {
      for (std::size_t k = 0; k < kGroup; ++k) {
        take(hn::BitCast(df, hn::Load(du, &batch.raw[k][at])), k);
      }
    } else {
      for (std::size_t k = 0; k < kGroup; k += 2) {
        const VU pair = hn::Load(du, &batch.raw[k / 2][at]);
        take(widen<kFrom>(hn::And(pair, hn::Set(du, 0xffffu))), k);
        take(widen<kFrom>(hn::ShiftRight<16>(pair)), k + 1);
      }
    }
    return hn::BitCast(df, max_bits);
  }

  // Step 1.
  static HWY_INLINE void scale_to_integers(Batch& batch, std::size_t at, VF factor) {
    const DF df;
    const DI di;
    const auto integer = [&](std::size_t k) HWY_ATTR {
      const VF x = hn::Mul(hn::Load(df, &batch.w[k][at]), factor);
      return hn::Sub(hn::BitCast(di, hn::Add(x, hn::Set(df, kRoundMagic))),
                     hn::Set(di, kMagicBits));
    };
    for (std::size_t k = 0; k < kGroup; k += 2) {
      const VI low = hn::And(integer(k), hn::Set(di, 0xffff));
      hn::Store(hn::Or(low, hn::ShiftLeft<16>(integer(k + 1))), di, &batch.x[k / 2][at]);
    }
  }

  struct Best {
    VF product;  // sum(x c), negative for a negative scale
    VF square;   // sum(c c)
    VF product_squared;
  };

  static HWY_INLINE void keep_better(Best& best, VI product_sum, VI square_sum, float sign) {
    const DF df;
    const VF product = hn::ConvertTo(df, product_sum);
    const VF square = hn::ConvertTo(df, square_sum);
    const VF product_squared = hn::Mul(product, product);
    const auto better =
        hn::Gt(hn::Mul(product_squared, best.square), hn::Mul(best.product_squared, square));
    best.product = hn::IfThenElse(better, hn::Mul(product, hn::Set(df, sign)), best.product);
    best.square = hn::IfThenElse(better, square, best.square);
    best.product_squared = hn::IfThenElse(better, product_squared, best.product_squared);
  }

  // Candidates below this round nothing beyond M, so both signs are one case and no clamp is
  // needed: max is 4096 and 4096 k + 2^14 < (M + 1) 2^15 for k < 8 M + 4.
  static constexpr int kClampFrom = kStepsPerCode * kM + kStepsPerCode / 2;
  // Likewise nothing lies beyond M + 1 below this: only one side of each sign is clamped.
  static constexpr int kClampBothFrom = kClampFrom + kStepsPerCode;

  // Step 2.
  static HWY_INLINE Best search(const Batch& batch, std::size_t at) {
    const DF df;
    const DI di;
    const D16 d16;
    const V16 m = hn::Set(d16, static_cast<std::int16_t>(kM));
    const V16 m1 = hn::Set(d16, static_cast<std::int16_t>(kM + 1));
    const V16 minus_m = hn::Set(d16, static_cast<std::int16_t>(-kM));
    const V16 minus_m1 = hn::Set(d16, static_cast<std::int16_t>(-kM - 1));
    Best best{hn::Zero(df), hn::Set(df, 1.0f), hn::Zero(df)};
    const auto pair = [&](std::size_t p)
                          HWY_ATTR { return hn::BitCast(d16, hn::Load(di, &batch.x[p][at])); };
    constexpr Candidates kCandidates = candidates(kBits);
    static_assert(kCandidates.first < kClampFrom && kCandidates.last > kClampBothFrom);

    for (int k = kCandidates.first; k < kClampFrom; ++k) {
      const V16 factor = hn::Set(d16, static_cast<std::int16_t>(k));
      VI product = hn::Zero(di);
      VI square = hn::Zero(di);
      for (std::size_t p = 0; p < kGroup / 2; ++p) {
        const V16 x = pair(p);
        const V16 code = hn::MulFixedPoint15(x, factor);
        product = add_pair_products(x, code, product);
        square = add_pair_products(code, code, square);
      }
      keep_better(best, product, square, 1.0f);
    }
    for (int k = kClampFrom; k <= kCandidates.last; ++k) {
      const V16 factor = hn::Set(d16, static_cast<std::int16_t>(k));
      VI product = hn::Zero(di);
      VI square = hn::Zero(di);
      VI minus_product = hn::Zero(di);
      VI minus_square = hn::Zero(di);
      const auto add = [&](V16 x, V16 code, V16 minus_code) HWY_ATTR {
        product = add_pair_products(x, code, product);
        square = add_pair_products(code, code, square);
        minus_product = add_pair_products(x, minus_code, minus_product);
        minus_square = add_pair_products(minus_code, minus_code, minus_square);
      };
      if (k < kClampBothFrom) {
        for (std::size_t p = 0; p < kGroup / 2; ++p) {
          const V16 x = pair(p);
          const V16 code = hn::MulFixedPoint15(x, factor);
          add(x, hn::Max(code, minus_m), hn::Min(code, m));
        }
      } else {
        for (std::size_t p = 0; p < kGroup / 2; ++p) {
          const V16 x = pair(p);
          const V16 code = hn::MulFixedPoint15(x, factor);
          add(x, hn::Min(hn::Max(code, minus_m), m1), hn::Min(hn::Max(code, minus_m1), m));
        }
      }
      keep_better(best, product, square, 1.0f);
      keep_better(best, minus_product, minus_square, -1.0f);
    }
    return best;
  }

  // Steps 3 (codes) and 4 for one vector of groups; stores the codes and the sums.
  static HWY_INLINE void measure(Batch& batch, std::size_t at, std::array<VU, 4> words, VF scale,
                                 VF rtn_scale) {
    const DF df;
    const DI di;
    const DU du;
    const VF inverse = hn::Div(hn::Set(df, 1.0f), scale);
    const VI size = hn::Load(di, &batch.size[at]);
    VF error = hn::Zero(df);
    VF rtn_error = hn::Zero(df);
    VF weight = hn::Zero(df);
    for (std::size_t word = 0; word < kWordsPerGroup; ++word) {
      VU rest = words[word];
      for (std::size_t k = word * kPerWord; k < (word + 1) * kPerWord; ++k) {
        const auto real = hn::Gt(size, hn::Set(di, static_cast<std::int32_t>(k)));
        const VF w = hn::Load(df, &batch.w[k][at]);
        weight = hn::Add(weight, hn::Mul(w, w));

        const VI rtn_code = hn::Sub(hn::BitCast(di, hn::And(rest, hn::Set(du, (1u << kBits) - 1u))),
                                    hn::Set(di, kM));
        rest = hn::ShiftRight<kBits>(rest);
        const VF rtn_value = hn::ConvertTo(df, hn::IfThenElseZero(real, rtn_code));
        const VF rtn_off = hn::Sub(w, round_to<kT>(hn::Mul(rtn_value, rtn_scale)));
        rtn_error = hn::Add(rtn_error, hn::Mul(rtn_off, rtn_off));

        const VF clamped = hn::Min(hn::Max(hn::Mul(w, inverse), hn::Set(df, float{-kM})),
                                   hn::Set(df, float{kM + 1}));
        const VF shifted = hn::Add(clamped, hn::Set(df, kRoundMagic));
        const VF off =
            hn::Sub(w, round_to<kT>(hn::Mul(hn::Sub(shifted, hn::Set(df, kRoundMagic)), scale)));
        error = hn::Add(error, hn::Mul(off, off));
        const VI code = hn::Sub(hn::BitCast(di, shifted), hn::Set(di, kMagicBits - kM));
        hn::Store(hn::IfThenElseZero(real, code), di, &batch.codes[k][at]);
      }
    }
    hn::Store(rtn_error, df, &batch.rtn_error[at]);
    hn::Store(error, df, &batch.kept_error[at]);
    hn::Store(weight, df, &batch.weight[at]);
  }

  // All steps for the groups of one vector; words and scales of the batch are improved in place.
  static HWY_INLINE void improve_lanes(Batch& batch, std::size_t at, VF max_abs) {
    const DF df;
    const DI di;
    const DU du;
    constexpr Range kRange = searched_range(kT);
    const auto searched = hn::And(hn::Ge(max_abs, hn::Set(df, kRange.least)),
                                  hn::Le(max_abs, hn::Set(df, kRange.most)));
    hn::Store(hn::BitCast(di, hn::VecFromMask(df, searched)), di, &batch.searched[at]);
    if (hn::AllFalse(df, searched)) return;
    // Lanes that are not searched go through the same steps with a harmless factor; whatever they
    // give is not used.
    const VF safe_max = hn::IfThenElse(searched, max_abs, hn::Set(df, 1.0f));
    const VF unit = hn::Set(df, static_cast<float>(kUnit));
    scale_to_integers(batch, at, hn::Div(unit, safe_max));
    const Best best = search(batch, at);

    constexpr DType kStored = kT == DType::kF32 ? DType::kBF16 : kT;
    const VF scale =
        round_to<kStored>(hn::Mul(hn::Div(best.product, best.square), hn::Div(safe_max, unit)));
    const VU rtn_bits = hn::Load(du, &batch.scale[at]);
    VF rtn_scale;
    if constexpr (kT == DType::kF32) {
      rtn_scale = round_to<DType::kBF16>(hn::BitCast(df, rtn_bits));
    } else {
      rtn_scale = widen<kT>(rtn_bits);
    }
    std::uint32_t* words_at = &batch.words[at * kWordsPerGroup];
    VU w0, w1, w2, w3;
    hn::LoadInterleaved4(du, words_at, w0, w1, w2, w3);
    measure(batch, at, {w0, w1, w2, w3}, scale, rtn_scale);

    const VF error = hn::Load(df, &batch.kept_error[at]);
    const VF rtn_error = hn::Load(df, &batch.rtn_error[at]);
    const auto gain = hn::And(hn::Lt(error, hn::Mul(rtn_error, hn::Set(df, kAccept))),
                              hn::Gt(rtn_error, hn::Set(df, kLeastError)));
    const auto accept = hn::And(hn::And(searched, gain), hn::Ne(scale, hn::Zero(df)));
    hn::Store(hn::IfThenElse(accept, error, rtn_error), df, &batch.kept_error[at]);

    const auto accept_bits = hn::RebindMask(du, accept);
    const auto packed = [&](std::size_t word) HWY_ATTR {
      VU bits = hn::Zero(du);
      for (std::size_t k = (word + 1) * kPerWord; k-- > word * kPerWord;) {
        bits =
            hn::Or(hn::ShiftLeft<kBits>(bits), hn::BitCast(du, hn::Load(di, &batch.codes[k][at])));
      }
      return bits;
    };
    hn::StoreInterleaved4(hn::IfThenElse(accept_bits, packed(0), w0),
                          hn::IfThenElse(accept_bits, packed(1), w1),
                          hn::IfThenElse(accept_bits, packed(2), w2),
                          hn::IfThenElse(accept_bits, packed(3), w3), du, words_at);
    hn::Store(hn::IfThenElse(accept_bits, narrow_exact<kT>(scale), rtn_bits), du, &batch.scale[at]);
  }

  static void improve(Batch& batch, DType from) {
    for (std::size_t at = 0; at < kBatch; at += hn::Lanes(DF())) {
      VF max_abs;
      if (from == DType::kBF16) {
        max_abs = load<DType::kBF16>(batch, at);
      } else if (from == DType::kF16) {
        max_abs = load<DType::kF16>(batch, at);
      } else {
        max_abs = load<DType::kF32>(batch, at);
      }
      improve_lanes(batch, at, max_abs);
    }
  }
};

// q_scale as lanes, and back.
template <class U>
void load_scales(const void* scales, std::size_t first, std::size_t count, Batch& batch) {
  PerGroup<U> values{};
  std::memcpy(values.data(), static_cast<const U*>(scales) + first, count * sizeof(U));
  for (std::size_t i = 0; i < kBatch; ++i)
    batch.scale[i] = values[i];
}
template <class U>
void store_scales(const Batch& batch, void* scales, std::size_t first, std::size_t count) {
  PerGroup<U> values;
  for (std::size_t i = 0; i < kBatch; ++i)
    values[i] = static_cast<U>(batch.scale[i]);
  std::memcpy(static_cast<U*>(scales) + first, values.data(), count * sizeof(U));
}

void improve_batch(const Quantization& q, const GroupQuantBlock& block, std::size_t first,
                   std::size_t count, BatchErrors& errors) {
  Batch batch;
  transpose_source(q, block, first, count, batch);
  std::uint32_t* words = block.q_weight + first * kWordsPerGroup;
  std::memcpy(batch.words.data(), words, count * kWordsPerGroup * sizeof(std::uint32_t));
  const bool wide_scale = q.model_dtype == DType::kF32;
  if (wide_scale) {
    load_scales<std::uint32_t>(block.q_scale, first, count, batch);
  } else {
    load_scales<std::uint16_t>(block.q_scale, first, count, batch);
  }

  if (q.bits == 3) {
    Kernel<DType::kF16, 3>::improve(batch, block.src_dtype);
  } else if (q.model_dtype == DType::kF16) {
    Kernel<DType::kF16, 4>::improve(batch, block.src_dtype);
  } else if (q.model_dtype == DType::kBF16) {
    Kernel<DType::kBF16, 4>::improve(batch, block.src_dtype);
  } else {
    Kernel<DType::kF32, 4>::improve(batch, block.src_dtype);
  }

  std::memcpy(words, batch.words.data(), count * kWordsPerGroup * sizeof(std::uint32_t));
  if (wide_scale) {
    store_scales<std::uint32_t>(batch, block.q_scale, first, count);
  } else {
    store_scales<std::uint16_t>(batch, block.q_scale, first, count);
  }
  errors.rtn = batch.rtn_error;
  errors.kept = batch.kept_error;
  errors.weight = batch.weight;
  for (std::size_t i = 0; i < kBatch; ++i)
    errors.searched[i] = batch.searched[i] != 0;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mlc::search
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc::search {

HWY_EXPORT(improve_batch);

void improve_batch_fast(const Quantization& q, const GroupQuantBlock& block, std::size_t first,
                        std::size_t count, BatchErrors& errors) {
  HWY_DYNAMIC_DISPATCH(improve_batch)(q, block, first, count, errors);
}

}  // namespace mlc::search
#endif
