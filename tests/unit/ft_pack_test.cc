#include "quantize/ft_pack.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/half.h"
#include "tests/unit/quant_cases.h"

namespace mlc {
namespace {

struct Packed {
  std::vector<std::uint8_t> weight;
  std::vector<std::uint16_t> scale;
  bool operator==(const Packed&) const = default;
};

Packed pack(decltype(ft_quantize)* quantize, const NumericRule& rule,
            const std::vector<std::uint16_t>& src, std::size_t rows, std::size_t cols) {
  Packed p{std::vector<std::uint8_t>(rows * cols / 2, 0xEE), std::vector<std::uint16_t>(rows)};
  quantize(rule, {.src = src.data(),
                  .rows = rows,
                  .cols = cols,
                  .q_weight = p.weight.data(),
                  .q_scale = p.scale.data()});
  return p;
}

// The order in FasterTransformer's own four steps on a matrix [in, out] of labels, to be compared
// with the closed form: exchange rows, transpose, interleave columns, exchange within registers.
std::vector<unsigned> stepwise(const std::vector<unsigned>& out_in, std::size_t out,
                               std::size_t in) {
  std::vector<unsigned> permuted(out * in);
  const std::size_t order[32] = {0, 1, 8,  9,  16, 17, 24, 25, 2, 3, 10, 11, 18, 19, 26, 27,
                                 4, 5, 12, 13, 20, 21, 28, 29, 6, 7, 14, 15, 22, 23, 30, 31};
  for (std::size_t n = 0; n < out; n++)  // already transposed: one output after the other
    for (std::size_t k = 0; k < in; k++)
      permuted[n * in + k] = out_in[n * in + k / 32 * 32 + order[k % 32]];
  std::vector<unsigned> interleaved;
  for (std::size_t n = 0; n < out; n += 4)
    for (std::size_t k = 0; k < in; k += 64)
      for (std::size_t column = 0; column < 4; column++)
        for (std::size_t i = 0; i < 64; i++)
          interleaved.push_back(permuted[(n + column) * in + k + i]);
  std::vector<unsigned> result(interleaved.size());
  const std::size_t from[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  for (std::size_t i = 0; i < result.size(); i++)
    result[i] = interleaved[i / 8 * 8 + from[i % 8]];
  return result;
}

TEST(FtPack, OrderIsThatOfTheFourSteps) {
  const std::size_t out = 24;
  const std::size_t in = 192;
  const NumericRule& rule = *find_numeric_rule("mlc-2026");
  test::Random random(5);
  std::vector<std::uint16_t> src(out * in);
  std::vector<unsigned> codes(out * in);
  for (std::size_t i = 0; i < src.size(); i++) {
    codes[i] = random.bits() % 15 + 1;  // -7 to 7, so that the scale is 1 if a 7 occurs
    if (i % in == 3) codes[i] = 15;
    src[i] = f32_to_f16(static_cast<float>(codes[i]) - 8.0f);
  }
  Packed p = pack(ft_quantize_reference, rule, src, out, in);
  std::vector<unsigned> wanted = stepwise(codes, out, in);
  for (std::size_t i = 0; i < wanted.size(); i++)
    ASSERT_EQ(wanted[i], p.weight[i / 2] >> (i % 2 * 4) & 15u) << i;
  for (std::size_t r = 0; r < out; r++) {
    EXPECT_EQ(p.scale[r], 0x3c00);
    for (std::size_t c = 0; c < in; c++)
      ASSERT_EQ(ft_code(p.weight.data(), in, r, c), codes[r * in + c]);
  }
}

TEST(FtPack, FastEqualsReference) {
  test::Random random(11);
  std::size_t values = 0;
  for (const NumericRule& rule : numeric_rules()) {
    for (int kind = 0; kind < 12; kind++) {
      for (std::size_t cols : {64u, 128u, 448u}) {
        const std::size_t rows = 64;
        std::vector<std::uint16_t> src(rows * cols);
        for (std::size_t i = 0; i < src.size(); i++) {
          switch (kind) {
            case 0:  // any bits
              src[i] = static_cast<std::uint16_t>(random.bits());
              break;
            case 1:  // zeros and one value a row
              src[i] = i % cols == 7 ? static_cast<std::uint16_t>(random.bits() & 0x7bff) : 0;
              break;
            case 2:  // subnormals
              src[i] = static_cast<std::uint16_t>(random.bits() & 0x83ff);
              break;
            case 3:  // halves: ties
              src[i] =
                  f32_to_f16(static_cast<float>(static_cast<int>(random.bits() % 29) - 14) * 0.5f);
              break;
            case 4:  // the largest finite
              src[i] = random.bits() % 9 == 0 ? 0x7bff
                                              : static_cast<std::uint16_t>(random.bits() & 0xbfff);
              break;
            case 5:  // all equal
              src[i] = static_cast<std::uint16_t>(0x3c00 + i / cols);
              break;
            case 6:  // NaN and infinity here and there
              src[i] = random.bits() % 99 == 0
                           ? static_cast<std::uint16_t>(0x7c00 + random.bits() % 2)
                           : f32_to_f16(random.gaussian());
              break;
            default:
              src[i] = f32_to_f16(std::ldexp(random.gaussian(), 3 * (kind - 11)));
          }
        }
        Packed slow = pack(ft_quantize_reference, rule, src, rows, cols);
        Packed fast = pack(ft_quantize, rule, src, rows, cols);
        ASSERT_EQ(slow.scale, fast.scale) << rule.name << " " << kind << " " << cols;
        ASSERT_EQ(slow.weight, fast.weight) << rule.name << " " << kind << " " << cols;
        values += src.size();
      }
    }
  }
  std::printf("%zu values equal\n", values);
}

// Every finite value against every scale that a row of it and one other value can have.
TEST(FtPack, EveryValueWithManyScales) {
  const NumericRule& rule = *find_numeric_rule("mlc-2026");
  for (unsigned largest : {0x0bffu, 0x1c01u, 0x2f33u, 0x3c00u, 0x4701u, 0x5aceu, 0x7bffu}) {
    std::vector<std::uint16_t> src(4 * 32768, 0);
    for (std::size_t i = 0; i < src.size(); i++)
      if ((i & 0x7fff) <= largest) src[i] = static_cast<std::uint16_t>((i & 0x7fff) | (i & 0x8000));
    EXPECT_EQ(pack(ft_quantize_reference, rule, src, 4, 32768),
              pack(ft_quantize, rule, src, 4, 32768))
        << largest;
  }
}

TEST(FtPack, DequantizedValuesAreNear) {
  const NumericRule& rule = *find_numeric_rule("mlc-2026");
  test::Random random(3);
  const std::size_t rows = 8;
  const std::size_t cols = 256;
  std::vector<std::uint16_t> src(rows * cols);
  for (auto& w : src)
    w = f32_to_f16(random.gaussian());
  Packed p = pack(ft_quantize, rule, src, rows, cols);
  for (std::size_t r = 0; r < rows; r++)
    for (std::size_t c = 0; c < cols; c++) {
      float scale = f16_to_f32(p.scale[r]);
      float w = f16_to_f32(src[r * cols + c]);
      float back = ft_dequantize(ft_code(p.weight.data(), cols, r, c), p.scale[r]);
      EXPECT_LE(std::fabs(w - back), 0.51f * scale);
    }
}

}  // namespace
}  // namespace mlc
