// The rounding of 4-bit float16 codes as comparisons.
//
// A code is round(rn(rn(w / scale) + 7)), which never falls as w / scale grows. So code > k exactly
// when rn(w / scale) >= y_k for some float16 y_k, that is when w / scale lies above the midpoint of
// y_k and the float16 below it, or on the midpoint if y_k is the even one of the two. Multiplied by
// the scale: w >= t_k x scale, or w > t_k x scale. The midpoint has 12 significant bits and a
// float16 scale 11, so float32 holds the product exactly; "w >" is "w >= the next float32 above".
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "base/half.h"
#include "quantize/quantization.h"

namespace mlc {

struct Thresholds {
  // t[k] for k < 14, then infinity: no code is above 14.
  alignas(64) std::array<float, 16> t{};
  // What to add to the bits of t[k] x scale: 0, or one unit upwards where the bound is exclusive.
  alignas(64) std::array<std::int32_t, 16> bump{};
};

constexpr int code_of_f16_quotient(std::uint16_t y, Rounding rounding) {
  float z = f16_to_f32(f32_to_f16(f16_to_f32(y) + 7.0f));
  if (z <= 0) return 0;
  int below = static_cast<int>(z);
  float rest = z - static_cast<float>(below);
  bool tie_up = rounding == Rounding::kHalfAway || below % 2 != 0;
  return below + (rest > 0.5f || (rest == 0.5f && tie_up) ? 1 : 0);
}

// The float16 number `n` places above zero (below, if negative).
constexpr std::uint16_t f16_from_order(int n) {
  return static_cast<std::uint16_t>(n >= 0 ? n : 0x8000 - n);
}

constexpr Thresholds make_thresholds(Rounding rounding) {
  Thresholds result;
  result.t.fill(std::numeric_limits<float>::infinity());
  for (int k = 0; k < 14; k++) {
    int low = -0x4900, high = 0x4900;  // -10 and 10: code 0 and more than 14
    while (high - low > 1) {
      int middle = (low + high) / 2;
      (code_of_f16_quotient(f16_from_order(middle), rounding) > k ? high : low) = middle;
    }
    auto i = static_cast<std::size_t>(k);
    result.t[i] = (f16_to_f32(f16_from_order(low)) + f16_to_f32(f16_from_order(high))) / 2;
    bool inclusive = f16_from_order(high) % 2 == 0;
    result.bump[i] = inclusive ? 0 : result.t[i] > 0 ? 1 : -1;
  }
  return result;
}

inline constexpr Thresholds kHalfAwayThresholds = make_thresholds(Rounding::kHalfAway);
inline constexpr Thresholds kHalfEvenThresholds = make_thresholds(Rounding::kHalfEven);

}  // namespace mlc
