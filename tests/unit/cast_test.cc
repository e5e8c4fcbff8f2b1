#include "quantize/cast.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "quantize/group_quant.h"
#include "tests/unit/quant_cases.h"

namespace mlc {
namespace {

template <class Source>
std::uint32_t cast_one(DType from, Source value, DType to, CastCounts* counts = nullptr) {
  std::uint32_t bits = 0;
  CastCounts seen;
  cast_elements_reference(from, &value, to, &bits, 1, seen);
  if (counts != nullptr) *counts += seen;
  return bits;
}
std::uint32_t f8(DType from, std::uint8_t bits) { return cast_one(from, bits, DType::kF32); }

TEST(Cast, Float64) {
  // 1 + 2^-11 + 2^-40 is above the tie in float16, but a float32 in between would be on it.
  EXPECT_EQ(cast_one(DType::kF64, 1 + 0x1p-11 + 0x1p-40, DType::kF16), 0x3c01u);
  EXPECT_EQ(cast_one(DType::kF64, 1 + 0x1p-24 + 0x1p-50, DType::kF32), 0x3f800001u);
  // bfloat16 is reached through float32, as in ml_dtypes.
  EXPECT_EQ(cast_one(DType::kF64, 1 + 0x1p-8 + 0x1p-40, DType::kBF16), 0x3f80u);
  CastCounts counts;
  EXPECT_EQ(cast_one(DType::kF64, 1e300, DType::kF32, &counts), 0x7f800000u);
  EXPECT_EQ(cast_one(DType::kF64, 65520.0, DType::kF16, &counts), 0x7c00u);
  EXPECT_EQ(cast_one(DType::kF64, -std::numeric_limits<double>::infinity(), DType::kBF16, &counts),
            0xff80u);
  EXPECT_EQ(counts.overflow_values, 2u);
  EXPECT_EQ(counts.inf_values, 3u);
}

TEST(Cast, Integers) {
  EXPECT_EQ(cast_one(DType::kI64, std::int64_t{-3}, DType::kF16), 0xc200u);
  EXPECT_EQ(cast_one(DType::kI64, (std::int64_t{1} << 24) + 1, DType::kF32), 0x4b800000u);
  EXPECT_EQ(cast_one(DType::kI64, (std::int64_t{1} << 24) + 3, DType::kF32), 0x4b800002u);
  EXPECT_EQ(cast_one(DType::kU64, ~std::uint64_t{0}, DType::kF32), 0x5f800000u);
  EXPECT_EQ(cast_one(DType::kI32, std::int32_t{65519}, DType::kF16), 0x7bffu);
  EXPECT_EQ(cast_one(DType::kU32, std::uint32_t{65520}, DType::kF16), 0x7c00u);
  EXPECT_EQ(cast_one(DType::kI16, std::int16_t{-32768}, DType::kBF16), 0xc700u);
  EXPECT_EQ(cast_one(DType::kU16, std::uint16_t{65535}, DType::kBF16), 0x4780u);
  EXPECT_EQ(cast_one(DType::kI8, std::int8_t{-1}, DType::kF16), 0xbc00u);
  EXPECT_EQ(cast_one(DType::kU8, std::uint8_t{255}, DType::kF16), 0x5bf8u);
  EXPECT_EQ(cast_one(DType::kBool, std::uint8_t{1}, DType::kF16), 0x3c00u);
  EXPECT_EQ(cast_one(DType::kBool, std::uint8_t{7}, DType::kF32), 0x3f800000u);
  EXPECT_EQ(cast_one(DType::kBool, std::uint8_t{0}, DType::kBF16), 0u);
}

TEST(Cast, EightBitFloatsHaveTheValuesOfTheirFormats) {
  struct Format {
    DType dtype;
    int exponent_bits, mantissa_bits, bias;
  };
  for (auto [dtype, exponent_bits, mantissa_bits, bias] :
       {Format{DType::kF8E4M3FN, 4, 3, 7}, Format{DType::kF8E5M2, 5, 2, 15},
        Format{DType::kF8E4M3FNUZ, 4, 3, 8}, Format{DType::kF8E5M2FNUZ, 5, 2, 16}}) {
    const int end = dtype == DType::kF8E5M2 ? 0x7c : dtype == DType::kF8E4M3FN ? 0x7f : 0x80;
    for (int u = 0; u < end; u++) {
      int exponent = u >> mantissa_bits;
      int mantissa = u & ((1 << mantissa_bits) - 1);
      double value = exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                                   : std::ldexp(mantissa + (1 << mantissa_bits),
                                                exponent - bias - mantissa_bits);
      ASSERT_EQ(f8(dtype, static_cast<std::uint8_t>(u)), f32_bits(static_cast<float>(value)));
      if (u == 0) continue;
      ASSERT_EQ(f8(dtype, static_cast<std::uint8_t>(u | 0x80)),
                f32_bits(static_cast<float>(-value)));
    }
    ASSERT_EQ(exponent_bits + mantissa_bits, 7);
  }
}

TEST(Cast, EightBitFloatsHaveTheirSpecialNumbers) {
  EXPECT_EQ(f8(DType::kF8E4M3FN, 0x7e), f32_bits(448.0f));
  EXPECT_EQ(f8(DType::kF8E4M3FN, 0x7f), 0x7fc00000u);
  EXPECT_EQ(f8(DType::kF8E4M3FN, 0xff), 0xffc00000u);
  EXPECT_EQ(f8(DType::kF8E4M3FN, 0x80), 0x80000000u);
  EXPECT_EQ(f8(DType::kF8E5M2, 0x7c), 0x7f800000u);
  EXPECT_EQ(f8(DType::kF8E5M2, 0xfc), 0xff800000u);
  EXPECT_EQ(f8(DType::kF8E5M2, 0x7d), 0x7fc00000u);
  EXPECT_EQ(f8(DType::kF8E5M2, 0xff), 0xffc00000u);
  EXPECT_EQ(f8(DType::kF8E4M3FNUZ, 0x7f), f32_bits(240.0f));
  EXPECT_EQ(f8(DType::kF8E4M3FNUZ, 0x80), 0xffc00000u);
  EXPECT_EQ(f8(DType::kF8E5M2FNUZ, 0x7f), f32_bits(57344.0f));
  EXPECT_EQ(f8(DType::kF8E5M2FNUZ, 0x80), 0xffc00000u);
  EXPECT_EQ(f8(DType::kF8E8M0, 127), f32_bits(1.0f));
  EXPECT_EQ(f8(DType::kF8E8M0, 0), f32_bits(0x1p-127f));
  EXPECT_EQ(f8(DType::kF8E8M0, 254), f32_bits(0x1p127f));
  EXPECT_EQ(f8(DType::kF8E8M0, 255), 0x7fc00000u);
  EXPECT_EQ(cast_one(DType::kF8E8M0, std::uint8_t{255}, DType::kF16), 0x7e00u);
}

TEST(Cast, NanKeepsOnlyWhatNumpyKeeps) {
  EXPECT_EQ(cast_one(DType::kF32, std::uint32_t{0x7f812345}, DType::kF16), 0x7c09u);
  EXPECT_EQ(cast_one(DType::kF32, std::uint32_t{0xff812345}, DType::kBF16), 0xffc0u);
  EXPECT_EQ(cast_one(DType::kF32, std::uint32_t{0xff812345}, DType::kF32), 0xff812345u);
  EXPECT_EQ(cast_one(DType::kBF16, std::uint16_t{0x7f81}, DType::kBF16), 0x7f81u);
  EXPECT_EQ(cast_one(DType::kBF16, std::uint16_t{0x7f81}, DType::kF16), 0x7c08u);
  EXPECT_EQ(cast_one(DType::kF16, std::uint16_t{0x7c01}, DType::kF32), 0x7f802000u);
}

class CastSimd : public testing::Test {
 protected:
  void TearDown() override { limit_simd_level(""); }
};

void meet(DType from, DType to, const void* src, std::size_t n) {
  constexpr std::size_t kGuard = 64;
  std::vector<char> want(n * size_of(to) + 2 * kGuard, 'g');
  CastCounts a;
  cast_elements_reference(from, src, to, want.data() + kGuard, n, a);
  for (std::string_view level : simd_levels()) {
    limit_simd_level(level);
    std::vector<char> got(want.size(), 'g');
    CastCounts b;
    cast_elements(from, src, to, got.data() + kGuard, n, b);
    ASSERT_EQ(want, got) << name_of(from) << " " << name_of(to) << " " << n << " " << level;
    ASSERT_EQ(a.nan_values, b.nan_values);
    ASSERT_EQ(a.inf_values, b.inf_values);
    ASSERT_EQ(a.overflow_values, b.overflow_values);
  }
}

TEST_F(CastSimd, MeetsTheReference) {
  std::uint64_t seed = 1;
  for (std::string_view kind : test::kKinds)
    for (DType from : {DType::kBF16, DType::kF16, DType::kF32})
      for (DType to : {DType::kBF16, DType::kF16, DType::kF32})
        for (std::size_t n : {0u, 1u, 15u, 63u, 64u, 65u, 1000u}) {
          const std::size_t offset = seed % 3;
          auto bytes = test::as_source(test::make_values(kind, from, n, seed++), from, offset);
          meet(from, to, bytes.data() + offset, n);
          if (HasFatalFailure()) return;
        }
}

TEST_F(CastSimd, EveryHalf) {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); i++)
    all[i] = static_cast<std::uint16_t>(i);
  for (DType from : {DType::kBF16, DType::kF16})
    for (DType to : {DType::kBF16, DType::kF16, DType::kF32})
      meet(from, to, all.data(), all.size());
}

// The boundaries between neighbouring float16 and bfloat16 numbers, and one unit to either side.
TEST_F(CastSimd, EveryBoundary) {
  std::vector<float> source;
  for (std::uint32_t u = 0; u < 0x8000; u++) {
    float a = f16_to_f32(static_cast<std::uint16_t>(u));
    float b = f16_to_f32(static_cast<std::uint16_t>(u + 1));
    if (u < 0x7c00) source.push_back(u == 0x7bff ? 65520.0f : (a + b) / 2);
    if (u < 0x7f80) source.push_back(bits_f32(u << 16 | 0x8000));
  }
  const std::size_t boundaries = source.size();
  for (std::size_t i = 0; i < boundaries; i++) {
    source.push_back(bits_f32(f32_bits(source[i]) - 1));
    source.push_back(bits_f32(f32_bits(source[i]) + 1));
  }
  for (float sign : {1.0f, -1.0f}) {
    for (float& f : source)
      f *= sign;
    for (DType to : {DType::kBF16, DType::kF16, DType::kF32})
      meet(DType::kF32, to, source.data(), source.size());
  }
}

TEST_F(CastSimd, StorageFormMeetsTheReference) {
  for (std::string_view kind : test::kKinds)
    for (std::size_t n : {0u, 1u, 17u, 1000u}) {
      auto values = test::make_values(kind, DType::kF32, n, n + 1);
      std::vector<std::uint16_t> want(n + 1, 0x5555);
      store_f32_as_bf16_reference(values.data(), want.data(), n);
      for (std::string_view level : simd_levels()) {
        limit_simd_level(level);
        std::vector<std::uint16_t> got(n + 1, 0x5555);
        store_f32_as_bf16(values.data(), got.data(), n);
        ASSERT_EQ(want, got) << kind << " " << level;
      }
    }
}

}  // namespace
}  // namespace mlc
