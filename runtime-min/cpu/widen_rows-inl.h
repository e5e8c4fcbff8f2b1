// Rows of weights as float32 in the order of their columns, for one SIMD level.
#if defined(MLC_WIDEN_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLC_WIDEN_ROWS_INL_H
#undef MLC_WIDEN_ROWS_INL_H
#else
#define MLC_WIDEN_ROWS_INL_H
#endif

#include "runtime-min/cpu/weight_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {

// A vector of words (whole groups) makes codes_per_word vectors of columns: for each, which word
// its lanes come from, and how far that is shifted.
template <class Format>
struct ColumnOrder {
  static constexpr std::size_t kCodes = Format::kLayout.codes_per_word;
  alignas(64) std::array<std::array<std::int32_t, 16>, kCodes> word{};
  alignas(64) std::array<std::array<std::uint32_t, 16>, kCodes> shift{};

  explicit ColumnOrder(std::size_t lanes) {
    for (std::size_t v = 0; v < kCodes; v++)
      for (std::size_t i = 0; i < lanes; i++) {
        const std::size_t column = v * lanes + i;
        word[v][i] = static_cast<std::int32_t>(column / kCodes);
        shift[v][i] = static_cast<std::uint32_t>(column % kCodes) * Format::kLayout.bits;
      }
  }
};

// Columns [first, first + count) of a row, first being a multiple of a vector's columns. `scales`
// are those of the row, as widen_scales() makes them. Writes whole vectors: what lies behind the
// row's last column is any number.
template <class Format>
void widen_group_row(const std::uint32_t* words, std::size_t row_words, const float* scales,
                     std::size_t first, std::size_t count, float* out) {
  constexpr std::size_t kCodes = Format::kLayout.codes_per_word;
  const F d;
  const U du;
  const std::size_t lanes = hn::Lanes(d);
  static const ColumnOrder<Format> kOrder(lanes);
  const ScaleSpread spread;
  const VF table = code_table<Format>();
  const VF zero = hn::Set(d, MLC_CODE_TABLE ? 0.0f : Format::kLayout.zero);
  for (std::size_t at = first / kCodes; at * kCodes < first + count; at += lanes) {
    const VU w = at + lanes <= row_words ? hn::LoadU(du, words + at)
                                         : load_first(du, words + at, row_words - at);
    const VF scale = spread(scales + at / 4);
    for (std::size_t v = 0; v < kCodes; v++) {
      const auto index = hn::SetTableIndices(d, kOrder.word[v].data());
      const auto index_u = hn::SetTableIndices(du, kOrder.word[v].data());
      const VU shifted =
          hn::Shr(hn::TableLookupLanes(w, index_u), hn::Load(du, kOrder.shift[v].data()));
      const VF value = hn::Sub(code_values<Format>(table, shifted), zero);
      hn::StoreU(hn::Mul(value, hn::TableLookupLanes(scale, index)), d, out);
      out += lanes;
    }
  }
}

template <class Float>
void widen_float_row(const typename Float::T* weights, std::size_t count, float* out) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t c = 0;
  for (; c + lanes <= count; c += lanes)
    hn::StoreU(Float::load(weights + c), d, out + c);
  if (c < count) {
    alignas(64) typename Float::T tail[16] = {};
    std::memcpy(tail, weights + c, (count - c) * sizeof(tail[0]));
    hn::StoreU(Float::load(tail), d, out + c);
  }
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
