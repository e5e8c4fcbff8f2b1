#include "base/half.h"

#include <cmath>

#include <gtest/gtest.h>

namespace mlc {
namespace {

TEST(Half, EveryFloat16SurvivesARoundTrip) {
  for (std::uint32_t u = 0; u < 0x10000; u++) {
    auto h = static_cast<std::uint16_t>(u);
    ASSERT_EQ(f32_to_f16(f16_to_f32(h)), h);
  }
}

TEST(Half, EveryBfloat16ButNanSurvivesARoundTrip) {
  for (std::uint32_t u = 0; u < 0x10000; u++) {
    auto h = static_cast<std::uint16_t>(u);
    bool nan = (u & 0x7fff) > 0x7f80;
    ASSERT_EQ(f32_to_bf16(bf16_to_f32(h)), nan ? (u & 0x8000) | 0x7fc0 : u);
  }
}

// The definition, not the bit tricks: value = (-1)^s x m x 2^e.
TEST(Half, Float16WidensToItsValue) {
  for (std::uint32_t u = 0; u < 0x7c00; u++) {
    int exponent = static_cast<int>(u >> 10);
    int mantissa = static_cast<int>(u & 1023);
    double value =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    ASSERT_EQ(static_cast<double>(f16_to_f32(static_cast<std::uint16_t>(u))), value);
    ASSERT_EQ(f32_bits(f16_to_f32(static_cast<std::uint16_t>(u | 0x8000))),
              f32_bits(static_cast<float>(value)) | 0x80000000u);
  }
}

// Between two neighbours a < b the midpoint goes to the even one, its float neighbours to the
// nearer.
TEST(Half, Float16RoundsToNearestTiesToEven) {
  for (std::uint32_t u = 0; u < 0x7c00; u++) {
    auto even = static_cast<std::uint16_t>(u + (u & 1));
    double a = f16_to_f32(static_cast<std::uint16_t>(u));
    double b = u == 0x7bff ? 65536.0 : f16_to_f32(static_cast<std::uint16_t>(u + 1));
    auto middle = static_cast<float>((a + b) / 2);
    ASSERT_EQ(f32_to_f16(middle), even) << u;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), u);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 1e9f)), u + 1);
    ASSERT_EQ(f64_to_f16((a + b) / 2), even);
    ASSERT_EQ(f64_to_f16(std::nextafter((a + b) / 2, 0.0)), u);
    ASSERT_EQ(f64_to_f16(std::nextafter((a + b) / 2, 1e9)), u + 1);
    ASSERT_EQ(f32_to_f16(-middle), even | 0x8000);
  }
}

TEST(Half, Bfloat16RoundsToNearestTiesToEven) {
  for (std::uint32_t u = 0; u < 0x7f80; u++) {
    float middle = bits_f32(u << 16 | 0x8000);
    ASSERT_EQ(f32_to_bf16(middle), u + (u & 1));
    ASSERT_EQ(f32_to_bf16(bits_f32(f32_bits(middle) - 1)), u);
    ASSERT_EQ(f32_to_bf16(bits_f32(f32_bits(middle) + 1)), u + 1);
  }
}

TEST(Half, OverflowAndUnderflow) {
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-70000.0f), 0xfc00);
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0x0000);  // tie between 0 and 2^-24
  EXPECT_EQ(f32_to_f16(0x1.000002p-25f), 0x0001);
  EXPECT_EQ(f32_to_f16(-0x1p-26f), 0x8000);
  EXPECT_EQ(f32_to_f16(bits_f32(0x80000001)), 0x8000);
  EXPECT_EQ(f64_to_f16(5e-324), 0x0000);
  EXPECT_EQ(f64_to_f16(1e300), 0x7c00);
}

// numpy 1.24: float16 keeps the upper payload as it is, and at least one bit of it.
TEST(Half, NanPayloads) {
  EXPECT_EQ(f32_to_f16(bits_f32(0x7f812345)), 0x7c09);
  EXPECT_EQ(f32_to_f16(bits_f32(0x7f800001)), 0x7c01);
  EXPECT_EQ(f32_to_f16(bits_f32(0xff800001)), 0xfc01);
  EXPECT_EQ(f32_to_f16(bits_f32(0x7fc00001)), 0x7e00);
  EXPECT_EQ(f32_to_f16(bits_f32(0xffabcdef)), 0xfd5e);
  EXPECT_EQ(f64_to_f16(std::bit_cast<double>(0x7ff0000000000001ull)), 0x7c01);
  EXPECT_EQ(f64_to_f16(std::bit_cast<double>(0x7ff1234567890123ull)), 0x7c48);
  EXPECT_EQ(f32_bits(f16_to_f32(0x7c01)), 0x7f802000u);
  EXPECT_EQ(f32_to_bf16(bits_f32(0xff812345)), 0xffc0);
}

TEST(Half, StorageFormOfFloat32Params) {
  EXPECT_EQ(f32_to_bf16_mlc(bits_f32(0x3f808000)), 0x3f80);  // tie to even
  EXPECT_EQ(f32_to_bf16_mlc(bits_f32(0x3f818000)), 0x3f82);
  EXPECT_EQ(f32_to_bf16_mlc(bits_f32(0x7f7effff)), 0x7f7f);  // rounds inside the limit
  EXPECT_EQ(f32_to_bf16_mlc(bits_f32(0x7f7fffff)), 0x7f7f);  // truncated outside
  EXPECT_EQ(f32_to_bf16_mlc(bits_f32(0xff7fffff)), 0xff7f);
  EXPECT_EQ(f32_to_bf16_mlc(bits_f32(0x7f800001)), 0x7f80);  // the NaN that becomes infinity
  EXPECT_EQ(f32_to_bf16_mlc(bits_f32(0x7fc10001)), 0x7fc1);
}

}  // namespace
}  // namespace mlc
