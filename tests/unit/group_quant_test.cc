// The plain reference against facts measured on mlc_llm (docs/formats.md, "Group quantization").
#include "quantize/group_quant.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/half.h"

namespace mlc {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::numeric_limits<float>::quiet_NaN();

struct Result {
  std::vector<std::uint32_t> words;
  std::vector<std::uint32_t> scales;  // bits of T
  QuantCounts counts;
  std::vector<float> back;
};

Result quantize(std::string_view scheme, std::string_view rule, const std::vector<float>& row) {
  const Quantization& q = *find_quantization(scheme);
  Result r;
  r.words.assign(words_per_row(q, row.size()), 0xdeadbeef);
  std::vector<std::uint16_t> narrow(groups_per_row(q, row.size()), 0xdead);
  r.scales.assign(narrow.size(), 0xdeadbeef);
  const bool wide = q.model_dtype == DType::kF32;
  void* scales = wide ? static_cast<void*>(r.scales.data()) : narrow.data();
  GroupQuantBlock block{row.data(), DType::kF32, 1, row.size(), r.words.data(), scales};
  group_quantize_reference(q, *find_numeric_rule(rule), block, true, r.counts);
  r.back.resize(row.size());
  group_dequantize_reference(q, 1, row.size(), r.words.data(), scales, r.back.data());
  if (!wide) r.scales.assign(narrow.begin(), narrow.end());
  return r;
}

std::vector<int> codes(const Result& r, int bits = 4) {
  std::vector<int> out;
  for (std::uint32_t word : r.words)
    for (int i = 0; i < 32 / bits; i++)
      out.push_back(static_cast<int>(word >> (bits * i) & ((1u << bits) - 1)));
  return out;
}

std::vector<float> filled(std::size_t n, float value) { return std::vector<float>(n, value); }

TEST(GroupQuant, RowsAndWords) {
  const Quantization& q4 = *find_quantization("q4f16_1");
  const Quantization& q3 = *find_quantization("q3f16_1");
  EXPECT_EQ(groups_per_row(q4, 64), 2u);
  EXPECT_EQ(groups_per_row(q4, 65), 3u);
  EXPECT_EQ(words_per_row(q4, 65), 12u);
  EXPECT_EQ(groups_per_row(q3, 80), 2u);
  EXPECT_EQ(words_per_row(q3, 81), 12u);
  EXPECT_EQ(words_per_row(q3, 0), 0u);
}

TEST(GroupQuant, LowestIndexInLowestBits) {
  std::vector<float> row(32);
  for (int i = 0; i < 32; i++)
    row[static_cast<std::size_t>(i)] = static_cast<float>(i % 15 - 7);
  Result r = quantize("q4f16_1", "mlc-2026", row);
  EXPECT_EQ(r.scales[0], 0x3c00u);
  EXPECT_EQ(r.words, (std::vector<std::uint32_t>{0x76543210, 0x0edcba98, 0x87654321, 0x10edcba9}));
  EXPECT_EQ(r.back, row);
  EXPECT_EQ(r.counts.square_error, 0);
  EXPECT_GT(r.counts.square_weight, 0);
}

TEST(GroupQuant, ThreeBitWordsHoldTenCodes) {
  std::vector<float> row(40);
  for (int i = 0; i < 40; i++)
    row[static_cast<std::size_t>(i)] = static_cast<float>(i % 7 - 3);
  Result r = quantize("q3f16_1", "mlc-2024", row);
  EXPECT_EQ(r.scales[0], 0x3c00u);
  for (std::size_t i = 0; i < 40; i++)
    EXPECT_EQ(r.words[i / 10] >> (3 * (i % 10)) & 7u, i % 7);
  for (std::uint32_t word : r.words)
    EXPECT_EQ(word >> 30, 0u);
}

TEST(GroupQuant, ShortLastGroupIsPaddedWithCodeZero) {
  Result r = quantize("q4f16_1", "mlc-2026", filled(35, 1.0f));
  ASSERT_EQ(r.words.size(), 8u);
  EXPECT_EQ(r.words[4], 0xeeeu);
  EXPECT_EQ(r.words[5] | r.words[6] | r.words[7], 0u);
  EXPECT_EQ(r.scales[1], r.scales[0]);
}

TEST(GroupQuant, TheThreeRulesDifferAsNamed) {
  // 65504 x 0x3092 rounds to 0x7091, 65504 / 7 to 0x7092.
  EXPECT_EQ(quantize("q4f16_1", "mlc-2024", filled(32, 65504)).scales[0], 0x7091u);
  EXPECT_EQ(quantize("q4f16_1", "mlc-2025", filled(32, 65504)).scales[0], 0x7092u);
  // 1.5 of a scale of 1: x + 7 = 8.5.
  std::vector<float> row = filled(32, 1.5f);
  row[0] = 7;
  EXPECT_EQ(codes(quantize("q4f16_1", "mlc-2024", row))[1], 9);
  EXPECT_EQ(codes(quantize("q4f16_1", "mlc-2025", row))[1], 9);
  EXPECT_EQ(codes(quantize("q4f16_1", "mlc-2026", row))[1], 8);
}

TEST(GroupQuant, LargestFloat16) {
  Result r = quantize("q4f16_1", "mlc-2024", filled(32, 65504));
  EXPECT_EQ(codes(r), std::vector<int>(32, 14));
  EXPECT_EQ(r.counts.overflow_groups, 0u);
  r = quantize("q4f16_1", "mlc-2026", filled(32, 65504));
  EXPECT_EQ(r.counts.overflow_groups, 1u);
  EXPECT_EQ(r.back[0], kInf);
  EXPECT_EQ(r.counts.square_weight, 0);
}

TEST(GroupQuant, ZerosGiveScaleZeroAndCodeZero) {
  for (float zero : {0.0f, -0.0f, 1e-9f}) {
    Result r = quantize("q4f16_1", "mlc-2024", filled(32, zero));
    EXPECT_EQ(r.scales[0], 0u);
    EXPECT_EQ(codes(r), std::vector<int>(32, 0));
    EXPECT_EQ(f32_bits(r.back[0]), 0x80000000u);
    EXPECT_EQ(r.counts.zero_groups, 1u);
  }
}

TEST(GroupQuant, UnderflowedScaleSaturates) {
  std::vector<float> row(32, 0.0f);
  row[0] = 0x1p-24f;
  row[1] = -0x1p-24f;
  Result r = quantize("q4f16_1", "mlc-2024", row);
  EXPECT_EQ(r.scales[0], 0u);
  EXPECT_EQ(r.words[0], 0x0eu);
  EXPECT_EQ(r.counts.zero_groups, 0u);
}

TEST(GroupQuant, NanIsReplacedByTheNextElement) {
  std::vector<float> row(32, 1.0f);
  row[3] = 100.0f;
  row[4] = kNan;
  row[6] = -0.5f;
  Result r = quantize("q4f16_1", "mlc-2026", row);
  EXPECT_EQ(r.scales[0], f32_to_f16(1.0f / 7));
  std::vector<int> c = codes(r);
  EXPECT_EQ(c[3], 14);
  EXPECT_EQ(c[4], 0);
  EXPECT_EQ(c[5], 14);
  EXPECT_EQ(r.counts.nan_values, 1u);
  EXPECT_EQ(r.counts.square_weight, 0);
}

TEST(GroupQuant, NanInTheLastSlotGivesScaleNan) {
  std::vector<float> row(32, 1.0f);
  row[31] = bits_f32(0xff812345);
  Result r = quantize("q4f16_1", "mlc-2024", row);
  EXPECT_EQ(r.scales[0], 0x7e09u);
  EXPECT_EQ(codes(r), std::vector<int>(32, 0));
  row[31] = kNan;
  EXPECT_EQ(quantize("q4f16_1", "mlc-2024", row).scales[0], 0x7e00u);
}

TEST(GroupQuant, NanAtTheEndOfAShortGroupIsReplacedByThePadding) {
  std::vector<float> row(20, 1.0f);
  row[19] = kNan;
  Result r = quantize("q4f16_1", "mlc-2024", row);
  EXPECT_EQ(r.scales[0], 0xf091u);
  std::vector<int> c = codes(r);
  EXPECT_EQ(c[0], 7);
  EXPECT_EQ(c[18], 7);
  EXPECT_EQ(c[19], 0);
  EXPECT_EQ(c[20], 0);
}

TEST(GroupQuant, InfinityGivesCodeZeroAndTheOthersTheMiddle) {
  for (float huge : {kInf, -kInf, 70000.0f, 65520.0f}) {
    std::vector<float> row(32, 1.0f);
    row[9] = huge;
    Result r = quantize("q4f16_1", "mlc-2024", row);
    EXPECT_EQ(r.scales[0], 0x7c00u);
    std::vector<int> c = codes(r);
    EXPECT_EQ(c[9], 0);
    EXPECT_EQ(c[0], 7);
    EXPECT_EQ(r.counts.inf_values, 1u);
    EXPECT_EQ(r.counts.overflow_values, std::isinf(huge) ? 0u : 1u);
  }
}

TEST(GroupQuant, Float32AndBfloat16Models) {
  Result r = quantize("q4f32_1", "mlc-2024", filled(32, 1.0f));
  EXPECT_EQ(r.scales[0], f32_bits(static_cast<float>(1.0 / 7)));
  EXPECT_EQ(codes(r), std::vector<int>(32, 14));
  // The error is that of the stored scale: bfloat16(1/7) x 7 = 0.99609375 + ... away from 1.
  float stored = bf16_to_f32(f32_to_bf16_mlc(1.0f / 7)) * 7;
  EXPECT_EQ(r.counts.square_error, 32.0 * (1.0f - stored) * (1.0f - stored));
  r = quantize("q4bf16_1", "mlc-2026", filled(32, 1.0f));
  EXPECT_EQ(r.scales[0], f32_to_bf16(1.0f / 7));
  EXPECT_EQ(codes(r), std::vector<int>(32, 14));
  EXPECT_EQ(quantize("q4f32_1", "mlc-2026", filled(32, 1e-45f)).scales[0], 0u);
}

TEST(GroupQuant, CountsAdd) {
  QuantCounts a{.groups = 1,
                .zero_groups = 2,
                .nan_values = 3,
                .inf_values = 4,
                .overflow_values = 5,
                .overflow_groups = 6,
                .square_error = 7,
                .square_weight = 8};
  QuantCounts b = a;
  b += a;
  EXPECT_EQ(b.groups, 2u);
  EXPECT_EQ(b.zero_groups, 4u);
  EXPECT_EQ(b.nan_values, 6u);
  EXPECT_EQ(b.inf_values, 8u);
  EXPECT_EQ(b.overflow_values, 10u);
  EXPECT_EQ(b.overflow_groups, 12u);
  EXPECT_EQ(b.square_error, 14);
  EXPECT_EQ(b.square_weight, 16);
}

}  // namespace
}  // namespace mlc
