#include "quantize/lattice_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "quantize/cast_element.h"
#include "quantize/element.h"
#include "quantize/lattice.h"

namespace mlc {
namespace {

constexpr std::size_t kN = kLatticeGroup;
constexpr std::size_t kWords = kN / 8;
constexpr int kMiddle = 7;     // of the codes: level 0
constexpr int kMostLevel = 8;  // code 15; the least level is -7

// Added and taken away again, it rounds a small float32 to an integer without a call.
constexpr float kRounder = 12582912.0f;

using Group = std::array<float, kN>;

struct Lattice {
  float scale = 0;
  std::array<std::int8_t, kN> levels{};
};

// The numbers that round to x in format F lie between `low` and `high`; whether the ends belong
// depends on ties, which the proof decides. x >= 0 and finite.
struct Interval {
  double low;
  double high;
};
template <class F>
Interval rounds_to(float x) {
  auto bits = F::narrow(x);
  auto value = static_cast<double>(x);
  double up = static_cast<double>(F::widen(static_cast<typename F::Bits>(bits + 1)));
  double down =
      bits == 0 ? 0.0 : static_cast<double>(F::widen(static_cast<typename F::Bits>(bits - 1)));
  return {(value + down) / 2, std::isfinite(up) ? (value + up) / 2 : value};
}

// A scale is an element of T as a runtime gets it back; the one for float32 has the 8 bits of
// bfloat16.
template <class T>
float nearest_scale(double s) {
  return stored_scale<T>(T::narrow(static_cast<float>(s)));
}
template <class T>
float next_scale(float s, int steps) {
  if (s == 0.0f && steps < 0) return s;
  using Stored = std::conditional_t<T::kDType == DType::kF32, ElementBF16, T>;
  return Stored::widen(static_cast<typename Stored::Bits>(Stored::narrow(s) + steps));
}

template <class S, class T>
constexpr bool kFewerBits =
    S::kDType == DType::kBF16 ? T::kDType != DType::kBF16
                              : S::kDType == DType::kF16&& T::kDType == DType::kF32;

// level x scale is exact in float32: 4 bits and 11.
template <class S, class T>
bool is_lossless(float level, float scale, float w) {
  float point = level * scale;
  float computed = round_to<T>(point);
  if (!std::isfinite(computed)) return false;
  if (computed == round_to<T>(w)) return true;
  if constexpr (kFewerBits<S, T>) return round_to<S>(point) == w;
  return false;
}

// What was last proven of each level: elements of a lattice repeat.
template <class S, class T>
bool proves(const Group& w, const Lattice& lattice) {
  std::array<float, 16> proven;
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < kN; i++) {
    auto code = static_cast<std::uint32_t>(lattice.levels[i] + kMiddle);
    if ((seen >> code & 1u) && proven[code] == w[i]) continue;
    if (!is_lossless<S, T>(lattice.levels[i], lattice.scale, w[i])) return false;
    seen |= 1u << code;
    proven[code] = w[i];
  }
  return true;
}

// The elements of a group that differ, by the magnitude of their level; 0 where there is none.
using Magnitudes = std::array<float, kMostLevel + 1>;

constexpr std::array<double, kMostLevel + 1> kInverse = {
    0, 1.0, 1.0 / 2, 1.0 / 3, 1.0 / 4, 1.0 / 5, 1.0 / 6, 1.0 / 7, 1.0 / 8};

// The largest magnitude, and whether it occurs with a minus.
struct Peak {
  float magnitude;
  bool negative;
};
Peak peak_of(const Group& w) {
  constexpr std::int32_t kAbs = 0x7fffffff;
  std::int32_t most = 0;
  for (float f : w)
    most = std::max(most, static_cast<std::int32_t>(f32_bits(f)) & kAbs);
  bool negative = false;
  for (float f : w)
    negative |= f32_bits(f) == (static_cast<std::uint32_t>(most) | 0x80000000u);
  return {bits_f32(static_cast<std::uint32_t>(most)), negative};
}

// The levels when the peak has the level `most`, and what each stands for. False: one lies outside,
// or one level would stand for two magnitudes. lattice.scale becomes the sign of the scale.
bool assign_levels(const Group& w, const Peak& peak, int most, Lattice& lattice,
                   Magnitudes& magnitudes) {
  // Only level 8 has no counterpart on the other side of 0, so it fixes the sign of the scale.
  float sign = most == kMostLevel && peak.negative ? -1.0f : 1.0f;
  float unit = sign * static_cast<float>(most) / peak.magnitude;
  if (!std::isfinite(unit)) return false;
  auto level_of = [&](float f) { return (f * unit + kRounder) - kRounder; };
  // Most groups that lie on no lattice end here. An element and the peak may each be off by half a
  // unit of bfloat16, 2^-8 of itself, so that a level of 8 is off by 1/16 and a little more.
  for (std::size_t i = 0; i < 8; i++)
    if (!(std::fabs(w[i] * unit - level_of(w[i])) < 0.07f)) return false;
  lattice.scale = sign;
  bool outside = false;
  for (std::size_t i = 0; i < kN; i++) {
    float level = level_of(w[i]);
    outside |= level < -kMiddle;
    lattice.levels[i] = static_cast<std::int8_t>(level);
  }
  if (outside) return false;
  magnitudes.fill(0);
  auto of = [&](std::size_t i) -> float& {
    return magnitudes[static_cast<std::size_t>(std::abs(lattice.levels[i]))];
  };
  for (std::size_t i = 0; i < kN; i++)
    of(i) = std::fabs(w[i]);
  bool differ = magnitudes[0] != 0.0f;
  for (std::size_t i = 0; i < kN; i++)
    differ |= of(i) != std::fabs(w[i]);
  return !differ;
}

// The scale with which all magnitudes are level x scale rounded to F. On entry lattice.scale is its
// sign.
template <class S, class T, class F>
bool find_scale(const Magnitudes& magnitudes, int most, Lattice& lattice) {
  Interval common{0, std::numeric_limits<double>::infinity()};
  for (int level = most; level > 0; level--) {
    float x = magnitudes[static_cast<std::size_t>(level)];
    if (x == 0.0f) continue;
    x = round_to<F>(x);
    if (!std::isfinite(x)) return false;
    Interval one = rounds_to<F>(x);
    common.low = std::max(common.low, one.low * kInverse[static_cast<std::size_t>(level)]);
    common.high = std::min(common.high, one.high * kInverse[static_cast<std::size_t>(level)]);
    // What divisions round is far below a unit of any scale.
    if (common.low > common.high * (1 + 0x1p-50)) return false;
  }
  auto proven = [&](float scale) {
    for (int level = most; level > 0; level--) {
      float x = magnitudes[static_cast<std::size_t>(level)];
      if (x != 0.0f && !is_lossless<S, T>(static_cast<float>(level), scale, x)) return false;
    }
    return true;
  };
  // An exact quotient is what was multiplied, if anything was: no other scale is better.
  float exact = magnitudes[static_cast<std::size_t>(most)] / static_cast<float>(most);
  float rounded = nearest_scale<T>(static_cast<double>(exact));
  float middle = nearest_scale<T>((common.low + common.high) / 2);
  for (float scale : {rounded, middle, next_scale<T>(middle, 1), next_scale<T>(middle, -1)}) {
    if (!proven(scale)) continue;
    lattice.scale *= scale;
    return true;
  }
  return false;
}

// Which level the largest element of the last group had, and in which format: the next group of
// a tensor is most often alike.
struct Hint {
  int most = kMostLevel;
  bool as_source = false;
};

template <class S, class T>
bool find(const Group& w, Hint& hint, Lattice& lattice) {
  const Peak peak = peak_of(w);
  float largest_cast = round_to<T>(peak.magnitude);
  if (largest_cast == 0.0f) {
    lattice = {};
    return proves<S, T>(w, lattice);
  }
  if (!std::isfinite(largest_cast)) return false;
  auto attempt = [&](int most, bool as_source) {
    Magnitudes magnitudes;
    if (!assign_levels(w, peak, most, lattice, magnitudes)) return false;
    if constexpr (kFewerBits<S, T>)
      if (as_source) return find_scale<S, T, S>(magnitudes, most, lattice);
    return find_scale<S, T, T>(magnitudes, most, lattice);
  };
  if (attempt(hint.most, hint.as_source)) return true;
  for (bool as_source : {false, true}) {
    if (as_source && !kFewerBits<S, T>) break;
    for (int most = kMostLevel; most > 0; most--)
      if (attempt(most, as_source)) {
        hint = {most, as_source};
        return true;
      }
  }
  return false;
}

template <class S>
void load(const void* src, std::size_t group, Group& w) {
  for (std::size_t i = 0; i < kN; i++)
    w[i] = S::widen(load_element<typename S::Bits>(src, group * kN + i));
}

template <class S, class T>
std::size_t count_found(const void* src, std::size_t groups) {
  Hint hint;
  Lattice lattice;
  Group w;
  std::size_t n = 0;
  for (std::size_t g = 0; g < groups; g++) {
    load<S>(src, g, w);
    n += find<S, T>(w, hint, lattice) ? 1u : 0u;
  }
  return n;
}

// A group as it lies in a block.
template <class T>
Lattice stored(const GroupQuantBlock& block, std::size_t g) {
  typename T::Bits bits;
  std::memcpy(&bits, static_cast<const char*>(block.q_scale) + g * sizeof bits, sizeof bits);
  Lattice lattice;
  lattice.scale = stored_scale<T>(bits);
  for (std::size_t i = 0; i < kN; i++) {
    std::uint32_t code = block.q_weight[g * kWords + i / 8] >> (4 * (i % 8)) & 15u;
    lattice.levels[i] = static_cast<std::int8_t>(static_cast<int>(code) - kMiddle);
  }
  return lattice;
}

template <class T>
void store(const Lattice& lattice, const GroupQuantBlock& block, std::size_t g) {
  typename T::Bits bits = T::narrow(lattice.scale);
  std::memcpy(static_cast<char*>(block.q_scale) + g * sizeof bits, &bits, sizeof bits);
  std::uint32_t* words = block.q_weight + g * kWords;
  std::fill_n(words, kWords, 0u);
  for (std::size_t i = 0; i < kN; i++)
    words[i / 8] |= static_cast<std::uint32_t>(lattice.levels[i] + kMiddle) << (4 * (i % 8));
}

template <class S, class T>
void quantize(const GroupQuantBlock& block, bool want_error, QuantCounts& counts) {
  Hint hint;
  Group w;
  std::size_t groups = block.rows * (block.cols / kN);
  for (std::size_t g = 0; g < groups; g++) {
    load<S>(block.src, g, w);
    Lattice kept = stored<T>(block, g);
    bool lossless = proves<S, T>(w, kept);
    Lattice found;
    if (!lossless && find<S, T>(w, hint, found)) {
      store<T>(found, block, g);
      kept = found;
      lossless = true;
    }
    counts.lattice_groups += lossless ? 1u : 0u;
    if (!want_error) continue;
    for (std::size_t i = 0; i < kN; i++) {
      double weight = round_to<T>(w[i]);
      double error = weight - round_to<T>(static_cast<float>(kept.levels[i]) * kept.scale);
      if (!std::isfinite(error)) continue;
      counts.square_weight += weight * weight;
      counts.square_error += error * error;
    }
  }
}

// Calls `f` with the source's and the model's element types.
template <class F>
auto with_elements(DType source, const Quantization& q, F&& f) {
  auto with_source = [&](auto s) {
    switch (q.model_dtype) {
      case DType::kF16:
        return f(s, ElementF16{});
      case DType::kBF16:
        return f(s, ElementBF16{});
      default:
        return f(s, ElementF32{});
    }
  };
  switch (source) {
    case DType::kF32:
      return with_source(ElementF32{});
    case DType::kF16:
      return with_source(ElementF16{});
    case DType::kBF16:
      return with_source(ElementBF16{});
    default:
      fail(ExitCode::kBug, "looked for a lattice in {}", name_of(source));
  }
}

}  // namespace

std::size_t count_on_lattice(const Quantization& q, const void* src, DType dtype,
                             std::size_t groups) {
  if (!holds_lattice(q)) return 0;
  if (dtype != DType::kF32 && dtype != DType::kF16 && dtype != DType::kBF16) return 0;
  return with_elements(
      dtype, q, [&](auto s, auto t) { return count_found<decltype(s), decltype(t)>(src, groups); });
}

void group_quantize_found_lattice(const Quantization& q, const NumericRule& rule,
                                  const GroupQuantBlock& block, GroupQuantFn otherwise,
                                  bool want_error, QuantCounts& counts) {
  if (!holds_lattice(q) || block.cols % kN != 0)
    fail(ExitCode::kBug, "a lattice in rows of {} for {}", block.cols, q.name);
  QuantCounts rest;
  otherwise(q, rule, block, want_error, rest);
  // Measured again: what `otherwise` lost in the groups that are replaced does not count.
  rest.square_error = rest.square_weight = 0;
  with_elements(block.src_dtype, q, [&](auto s, auto t) {
    quantize<decltype(s), decltype(t)>(block, want_error, rest);
  });
  counts += rest;
}

}  // namespace mlc
