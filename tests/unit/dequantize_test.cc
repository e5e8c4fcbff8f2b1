#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "base/half.h"
#include "quantize/group_quant.h"
#include "tests/unit/quant_cases.h"

namespace mlc {
namespace {

class Dequantize : public testing::Test {
 protected:
  void TearDown() override { limit_simd_level(""); }
};

std::vector<std::uint32_t> bits_of(const std::vector<float>& v) {
  std::vector<std::uint32_t> bits;
  for (float f : v)
    bits.push_back(f32_bits(f));
  return bits;
}

TEST_F(Dequantize, CodesTimesScaleRoundedToT) {
  const Quantization& q = *find_quantization("q4f16_1");
  std::array<std::uint32_t, 4> words = {0x76543210, 0xfedcba98, 0, 0};
  std::uint16_t scale = 0x2e66;  // 0.0999755859375
  std::vector<float> out(32);
  group_dequantize_reference(q, 1, 32, words.data(), &scale, out.data());
  for (std::size_t i = 0; i < 16; i++) {
    float exact = (static_cast<float>(i) - 7) * 0.0999755859375f;
    EXPECT_EQ(f32_bits(out[i]), f32_bits(f16_to_f32(f32_to_f16(exact))));
  }
}

// Any codes, any scale bits, at every level.
TEST_F(Dequantize, MeetsTheReference) {
  test::Random random(3);
  for (const char* scheme : {"q4f16_1", "q3f16_1", "q4bf16_1", "q4f32_1"})
    for (auto [rows, cols] : std::array<std::array<std::size_t, 2>, 6>{
             {{0, 32}, {2, 0}, {1, 1}, {3, 77}, {4, 320}, {2, 4001}}})
      for (bool usual : {true, false}) {
        const Quantization& q = *find_quantization(scheme);
        std::vector<std::uint32_t> words(rows * words_per_row(q, cols));
        for (std::uint32_t& word : words)
          word = random.bits();
        std::vector<std::uint32_t> scales(rows * groups_per_row(q, cols) + 1);
        for (std::uint32_t& s : scales) {
          s = random.bits();
          if (!usual) continue;
          if (q.model_dtype == DType::kF16) s = s % 0x3000 | (s >> 16) % 0x6000 << 16 | 0x8000;
          if (q.model_dtype != DType::kF16) s = 0x3c000000 | (s & 0x81ff01ff);
        }
        constexpr float kGuard = 12345.0f;
        std::vector<float> want(rows * cols + 32, kGuard);
        group_dequantize_reference(q, rows, cols, words.data(), scales.data(), want.data() + 16);
        for (std::string_view level : simd_levels()) {
          limit_simd_level(level);
          std::vector<float> got(rows * cols + 32, kGuard);
          group_dequantize(q, rows, cols, words.data(), scales.data(), got.data() + 16);
          ASSERT_EQ(bits_of(want), bits_of(got)) << scheme << " " << rows << "x" << cols << level;
        }
      }
}

}  // namespace
}  // namespace mlc
