// Source values for the tests of kernels: distributions that reach every branch of the formula.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/half.h"

namespace mlc::test {

// Deterministic everywhere: std::normal_distribution may differ between libraries.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint32_t bits() { return static_cast<std::uint32_t>(engine_() >> 32); }
  std::uint32_t below(std::uint32_t n) { return bits() % n; }
  // Sum of twelve uniform numbers, variance 1.
  float gaussian() {
    float sum = -6;
    for (int i = 0; i < 12; i++)
      sum += static_cast<float>(bits() >> 8) * 0x1p-24f;
    return sum;
  }

 private:
  std::mt19937_64 engine_;
};

inline float narrowed(DType dtype, float f) {
  if (dtype == DType::kF16) return f16_to_f32(f32_to_f16(f));
  if (dtype == DType::kBF16) return bf16_to_f32(f32_to_bf16(f));
  return f;
}

inline constexpr std::string_view kKinds[] = {"gaussian",  "small",  "tiny", "large",   "any bits",
                                              "few zeros", "sparse", "ties", "specials"};

// A value whose quotient by `scale` lies at or beside a boundary between two codes.
inline float near_tie(Random& random, DType dtype, float scale) {
  float boundary = (static_cast<float>(random.below(14)) - 6.5f) * scale;
  float f =
      narrowed(dtype, boundary * (1.0f + (static_cast<float>(random.below(9)) - 4) * 0x1p-10f));
  // A few units in the last place of the source dtype to either side.
  int shift = dtype == DType::kF32 ? 0 : dtype == DType::kF16 ? 13 : 16;
  std::uint32_t step = (random.below(5) - 2u) << shift;
  float moved = bits_f32(f32_bits(f) + step);
  return std::isfinite(moved) ? narrowed(dtype, moved) : f;
}

inline std::vector<float> make_values(std::string_view kind, DType dtype, std::size_t n,
                                      std::uint64_t seed) {
  Random random(seed);
  std::vector<float> v(n);
  float scale = 1;
  for (std::size_t i = 0; i < n; i++) {
    if (i % 16 == 0) scale = narrowed(DType::kF16, std::fabs(random.gaussian()) * 0.01f + 0.001f);
    float g = random.gaussian();
    float& x = v[i];
    if (kind == "gaussian") x = g * 0.02f;
    if (kind == "small") x = g * 0x1p-14f * static_cast<float>(1u << (i / 40 % 8));
    if (kind == "tiny") x = g * 0x1p-24f;
    if (kind == "large") x = g * 30000.0f;
    if (kind == "any bits") x = bits_f32(random.bits());
    if (kind == "few zeros") x = random.below(8) == 0 ? 0.0f : random.below(8) == 0 ? -0.0f : g;
    if (kind == "sparse") x = random.below(60) == 0 ? g : random.below(2) == 0 ? 0.0f : -0.0f;
    if (kind == "ties") x = i % 16 == 5 ? scale * 7 : near_tie(random, dtype, scale);
    if (kind == "specials") {
      constexpr std::uint32_t kSpecial[] = {
          0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f812345, 0xff800001, 0x7f7fffff,
          0xff7fffff, 0x477fe000, 0xc77fe000, 0x477fefff, 0x477ff000, 0x00000001, 0x80000001,
          0x00800000, 0x007fffff, 0x33800000, 0x33000000, 0x33000001, 0x38800000, 0x387fc000};
      x = random.below(40) == 0 ? bits_f32(kSpecial[random.below(std::size(kSpecial))]) : g;
    }
    // 16-bit sources get NaN payloads and every other pattern through "any bits" too.
    if (kind == "any bits" && dtype == DType::kF16)
      x = f16_to_f32(static_cast<std::uint16_t>(random.bits()));
  }
  return v;
}

// The values as bytes of `dtype`, `offset` bytes into the buffer.
inline std::vector<char> as_source(const std::vector<float>& values, DType dtype,
                                   std::size_t offset) {
  const std::size_t size = size_of(dtype);
  std::vector<char> bytes(offset + values.size() * size);
  for (std::size_t i = 0; i < values.size(); i++) {
    std::uint32_t u = f32_bits(values[i]);
    if (dtype == DType::kF16) u = f32_to_f16(values[i]);
    // Truncated where it is NaN, so that payloads survive.
    if (dtype == DType::kBF16) u = std::isnan(values[i]) ? u >> 16 | 0x1u : f32_to_bf16(values[i]);
    std::memcpy(bytes.data() + offset + i * size, &u, size);
  }
  return bytes;
}

}  // namespace mlc::test
