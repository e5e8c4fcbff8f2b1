// Scalar conversions between float32 and the small float formats.
//
// These are the definitions that every fast path is tested against. All widening is exact; all
// narrowing rounds to nearest, ties to even, keeps subnormals, and overflows to infinity, as numpy
// (and so every MLC loader) does. NaN payloads follow numpy too.
#pragma once

#include <bit>
#include <cstdint>

namespace mlc {

constexpr float bits_f32(std::uint32_t u) { return std::bit_cast<float>(u); }
constexpr std::uint32_t f32_bits(float f) { return std::bit_cast<std::uint32_t>(f); }

// bfloat16 is the upper half of a float32.
constexpr float bf16_to_f32(std::uint16_t h) { return bits_f32(std::uint32_t{h} << 16); }

// Ties to even: adding 0x7fff plus the last kept bit carries exactly when the dropped part is above
// one half, or equal to it with an odd kept part. Every NaN becomes the quiet one of its sign, as
// in ml_dtypes (which gives numpy its bfloat16): dropping the lower payload could leave infinity.
constexpr std::uint16_t f32_to_bf16(float f) {
  std::uint32_t u = f32_bits(f);
  if ((u & 0x7fffffffu) > 0x7f800000u)
    return static_cast<std::uint16_t>(((u >> 16) & 0x8000u) | 0x7fc0u);
  return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

// How MLC stores a float32 param in a shard (tvmjs._convert_f32_to_bf16; spec "Shard files"): ties
// to even strictly inside (-lim, lim), lim = the largest finite bfloat16 0x7f7f; plain truncation
// outside and for NaN. Deliberate loss, kept for equality: a NaN whose payload has only low bits
// becomes infinity, and a value that would round up to infinity stays finite.
constexpr std::uint16_t f32_to_bf16_mlc(float f) {
  const float lim = bits_f32(0x7f7f0000u);
  std::uint32_t u = f32_bits(f);
  std::uint32_t bias = (f < lim && f > -lim) ? 0x7fffu + ((u >> 16) & 1u) : 0u;
  return static_cast<std::uint16_t>((u + bias) >> 16);
}

constexpr float f16_to_f32(std::uint16_t h) {
  std::uint32_t sign = std::uint32_t{h & 0x8000u} << 16;
  std::uint32_t exponent = (h >> 10) & 31u;
  std::uint32_t mantissa = h & 1023u;
  // 0x38000000: the exponent biases differ by 127 - 15 = 112, times 2^23.
  if (exponent == 31) return bits_f32(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return bits_f32(sign | ((exponent << 23) + 0x38000000u) | (mantissa << 13));
  // Subnormal: mantissa x 2^-24, exact in float32 since mantissa < 2^10.
  float value = static_cast<float>(mantissa) * bits_f32(0x33800000u);
  return bits_f32(sign | f32_bits(value));
}

// Narrow the bit pattern of a binary format (kFromMantissa, kFromExponent bits) to a smaller one,
// with one rounding. Infinity where the rounded value exceeds the format. A NaN keeps its sign and
// its upper payload and is not made quiet, as numpy's float16 does it; a payload that would vanish
// becomes 1.
template <int kFromMantissa, int kFromExponent, int kMantissa, int kExponent>
constexpr std::uint32_t narrow_float(std::uint64_t u) {
  constexpr int kFromBias = (1 << (kFromExponent - 1)) - 1;
  constexpr int kBias = (1 << (kExponent - 1)) - 1;
  constexpr int kFromMax = (1 << kFromExponent) - 1;
  constexpr std::uint32_t kInf = ((1u << kExponent) - 1u) << kMantissa;
  std::uint32_t sign = static_cast<std::uint32_t>(u >> (kFromMantissa + kFromExponent))
                       << (kMantissa + kExponent);
  int exponent = static_cast<int>(u >> kFromMantissa) & kFromMax;
  std::uint64_t mantissa = u & ((std::uint64_t{1} << kFromMantissa) - 1);
  if (exponent == kFromMax) {
    if (mantissa == 0) return sign | kInf;
    auto payload = static_cast<std::uint32_t>(mantissa >> (kFromMantissa - kMantissa));
    return sign | kInf | (payload == 0 ? 1u : payload);
  }
  static_assert(kFromExponent > kExponent);
  if (exponent == 0) return sign;  // a subnormal is below half of the smaller format's least
  int target = exponent - kFromBias + kBias;
  mantissa |= std::uint64_t{1} << kFromMantissa;
  int drop = kFromMantissa - kMantissa + (target < 1 ? 1 - target : 0);
  if (drop > kFromMantissa + 2) return sign;  // below a quarter of the least subnormal
  std::uint64_t kept = mantissa >> drop;
  std::uint64_t rest = mantissa & ((std::uint64_t{1} << drop) - 1);
  std::uint64_t half = std::uint64_t{1} << (drop - 1);
  kept += (rest > half || (rest == half && (kept & 1) != 0)) ? 1u : 0u;
  // The implicit bit of a normal number adds one to the exponent field; a carry out of the mantissa
  // does the same, and turns the largest subnormal into the least normal.
  std::uint64_t bits =
      kept + (target < 1 ? 0 : static_cast<std::uint64_t>(target - 1) << kMantissa);
  return sign | (bits >= kInf ? kInf : static_cast<std::uint32_t>(bits));
}

constexpr std::uint16_t f64_to_f16(double d) {
  return static_cast<std::uint16_t>(narrow_float<52, 11, 10, 5>(std::bit_cast<std::uint64_t>(d)));
}
constexpr std::uint16_t f32_to_f16(float f) {
  return static_cast<std::uint16_t>(narrow_float<23, 8, 10, 5>(f32_bits(f)));
}
// ml_dtypes casts every wider type to bfloat16 through float32, so float64 is rounded twice there,
// and here for equality.
constexpr std::uint16_t f64_to_bf16(double d) { return f32_to_bf16(static_cast<float>(d)); }

}  // namespace mlc
