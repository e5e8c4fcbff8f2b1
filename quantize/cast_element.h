// One element of any source dtype on its way to float16, bfloat16 or float32, as numpy's astype
// goes (with ml_dtypes for bfloat16 and the 8-bit floats).
//
//   float64  -> float16, float32: one rounding.  -> bfloat16: through float32, two roundings.
//   integers -> through float32 (float16: every integer up to 65520 is exact there, larger ones
//               become infinity either way, so it is one rounding in effect).
//   8-bit floats: exact in float32; NaN becomes the quiet NaN of the same sign.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/dtype.h"
#include "base/half.h"

namespace mlc {

// An 8-bit float of kExponent and kMantissa bits. The caller deals with NaN and infinity.
template <int kExponent, int kMantissa, int kBias>
float widen_small_float(std::uint8_t u) {
  const int exponent = (u >> kMantissa) & ((1 << kExponent) - 1);
  const int mantissa = u & ((1 << kMantissa) - 1);
  // value = significand x 2^(max(exponent, 1) - bias - mantissa bits), both factors exact; the
  // power lies in [2^-18, 2^13], so its float32 pattern is (power + 127) << 23.
  const int significand = exponent == 0 ? mantissa : mantissa + (1 << kMantissa);
  const int power = (exponent == 0 ? 1 : exponent) - kBias - kMantissa;
  const float value =
      static_cast<float>(significand) * bits_f32(static_cast<std::uint32_t>(power + 127) << 23);
  return bits_f32(f32_bits(value) | (u & 0x80u) << 24);
}

inline float nan_with_sign_of(std::uint8_t u) {
  return bits_f32(0x7fc00000u | static_cast<std::uint32_t>(u & 0x80u) << 24);
}

inline float f8_e4m3fn_to_f32(std::uint8_t u) {
  return (u & 0x7fu) == 0x7fu ? nan_with_sign_of(u) : widen_small_float<4, 3, 7>(u);
}
inline float f8_e5m2_to_f32(std::uint8_t u) {
  if ((u & 0x7fu) > 0x7cu) return nan_with_sign_of(u);
  return f16_to_f32(static_cast<std::uint16_t>(u << 8));  // the upper byte of a float16
}
inline float f8_e4m3fnuz_to_f32(std::uint8_t u) {
  return u == 0x80u ? nan_with_sign_of(u) : widen_small_float<4, 3, 8>(u);
}
inline float f8_e5m2fnuz_to_f32(std::uint8_t u) {
  return u == 0x80u ? nan_with_sign_of(u) : widen_small_float<5, 2, 16>(u);
}
// 2^(u - 127); u = 0 is 2^-127, a float32 subnormal (half of the least normal).
inline float f8_e8m0_to_f32(std::uint8_t u) {
  if (u == 0xffu) return bits_f32(0x7fc00000u);
  return bits_f32(u == 0 ? 0x00400000u : static_cast<std::uint32_t>(u) << 23);
}

template <class V>
V load_element(const void* src, std::size_t i) {
  V v;
  std::memcpy(&v, static_cast<const char*>(src) + i * sizeof(V), sizeof(V));
  return v;
}

// Calls f(float) or f(double) for float64. Every other dtype reaches its target through float32.
template <class F>
auto with_element(DType from, const void* src, std::size_t i, F f) {
  switch (from) {
    case DType::kF64:
      return f(load_element<double>(src, i));
    case DType::kF32:
      return f(bits_f32(load_element<std::uint32_t>(src, i)));
    case DType::kF16:
      return f(f16_to_f32(load_element<std::uint16_t>(src, i)));
    case DType::kBF16:
      return f(bf16_to_f32(load_element<std::uint16_t>(src, i)));
    case DType::kF8E4M3FN:
      return f(f8_e4m3fn_to_f32(load_element<std::uint8_t>(src, i)));
    case DType::kF8E5M2:
      return f(f8_e5m2_to_f32(load_element<std::uint8_t>(src, i)));
    case DType::kF8E4M3FNUZ:
      return f(f8_e4m3fnuz_to_f32(load_element<std::uint8_t>(src, i)));
    case DType::kF8E5M2FNUZ:
      return f(f8_e5m2fnuz_to_f32(load_element<std::uint8_t>(src, i)));
    case DType::kF8E8M0:
      return f(f8_e8m0_to_f32(load_element<std::uint8_t>(src, i)));
    case DType::kI64:
      return f(static_cast<float>(load_element<std::int64_t>(src, i)));
    case DType::kI32:
      return f(static_cast<float>(load_element<std::int32_t>(src, i)));
    case DType::kI16:
      return f(static_cast<float>(load_element<std::int16_t>(src, i)));
    case DType::kI8:
      return f(static_cast<float>(load_element<std::int8_t>(src, i)));
    case DType::kU64:
      return f(static_cast<float>(load_element<std::uint64_t>(src, i)));
    case DType::kU32:
      return f(static_cast<float>(load_element<std::uint32_t>(src, i)));
    case DType::kU16:
      return f(static_cast<float>(load_element<std::uint16_t>(src, i)));
    case DType::kU8:
      return f(static_cast<float>(load_element<std::uint8_t>(src, i)));
    case DType::kBool:
      break;
  }
  return f(load_element<std::uint8_t>(src, i) != 0 ? 1.0f : 0.0f);
}

}  // namespace mlc
