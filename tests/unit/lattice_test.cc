// Weights that lie on a lattice keep it: what a runtime computes is the source, rounded once.
#include "quantize/lattice.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "quant_cases.h"

namespace mlc {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Lattice {
  std::vector<float> values;  // (k - 8) * d
  std::vector<float> scales;  // -d
};

// Q4_0 as GGUF stores it: any float16 d of any sign, subnormals and zero included, whose levels are
// finite float16.
Lattice make_lattice(std::size_t groups, std::uint64_t seed) {
  test::Random random(seed);
  Lattice result;
  while (result.scales.size() < groups) {
    float d = f16_to_f32(static_cast<std::uint16_t>(random.bits()));
    if (!(std::fabs(d) < 8000)) continue;
    result.scales.push_back(-d);
    for (std::size_t i = 0; i < kLatticeGroup; i++)
      result.values.push_back((static_cast<float>(random.below(16)) - 8) * d);
  }
  return result;
}

struct Quantized {
  std::vector<std::uint32_t> words;
  std::vector<std::uint16_t> scales;
  QuantCounts counts;
};

Quantized quantize(const Quantization& q, const std::vector<float>& values,
                   const std::vector<float>& scales, std::size_t rows) {
  Quantized out{
      std::vector<std::uint32_t>(values.size() / 8), std::vector<std::uint16_t>(scales.size()), {}};
  GroupQuantBlock block{.src = values.data(),
                        .src_dtype = DType::kF32,
                        .rows = rows,
                        .cols = values.size() / rows,
                        .q_weight = out.words.data(),
                        .q_scale = out.scales.data()};
  group_quantize_lattice(q, numeric_rules().back(), block, scales, group_quantize, true,
                         out.counts);
  return out;
}

TEST(Lattice, MillionValuesOfQ40AreKept) {
  constexpr std::size_t kRows = 1000, kCols = 1024;
  Lattice lattice = make_lattice(kRows * kCols / kLatticeGroup, 1);
  for (std::string_view name : {"q4f16_0", "q4f16_1", "q4f16_2"}) {
    const Quantization& q = *find_quantization(name);
    Quantized out = quantize(q, lattice.values, lattice.scales, kRows);
    EXPECT_EQ(out.counts.groups, lattice.scales.size());
    EXPECT_EQ(out.counts.lattice_groups, lattice.scales.size());
    EXPECT_EQ(out.counts.square_error, 0);
    std::vector<float> back(lattice.values.size());
    group_dequantize_reference(q, kRows, kCols, out.words.data(), out.scales.data(), back.data());
    std::size_t different = 0;
    for (std::size_t i = 0; i < back.size(); i++)
      different += back[i] == f16_to_f32(f32_to_f16(lattice.values[i])) ? 0u : 1u;
    EXPECT_EQ(different, 0u) << name;
    EXPECT_GE(back.size(), 1000000u);
  }
}

// s = -d and 15 - k, not just anything that comes out equal.
TEST(Lattice, CodesAreMirrored) {
  const Quantization& q = *find_quantization("q4f16_1");
  std::vector<float> values;
  for (std::size_t i = 0; i < kLatticeGroup; i++)
    values.push_back((static_cast<float>(i % 16) - 8) * 0.25f);
  Quantized out = quantize(q, values, {-0.25f}, 1);
  EXPECT_EQ(out.scales[0], f32_to_f16(-0.25f));
  for (std::size_t i = 0; i < kLatticeGroup; i++)
    EXPECT_EQ(out.words[i / 8] >> (4 * (i % 8)) & 15u, 15u - static_cast<std::uint32_t>(i % 16));
}

TEST(Lattice, OtherGroupsAreQuantizedAsEver) {
  const Quantization& q = *find_quantization("q4f16_1");
  Lattice lattice = make_lattice(64, 2);
  // One element off by one unit of float16; a scale that float16 can't hold; a wrong scale; none;
  // levels that overflow; not a number.
  lattice.values[3 * 32 + 5] = 1.0f;
  lattice.values[3 * 32 + 6] = f16_to_f32(0x3c01);
  lattice.scales[3] = -1.0f;
  lattice.scales[4] = 1.0001f;
  lattice.scales[10] *= 1.5f;
  lattice.scales[11] = kNan;
  lattice.values[20 * 32] = -8 * 9000.0f;
  lattice.scales[20] = -9000.0f;
  lattice.values[31 * 32 + 31] = kNan;
  lattice.values[63 * 32] = std::numeric_limits<float>::infinity();
  Quantized plain = quantize(q, lattice.values, std::vector<float>(64, kNan), 2);
  Quantized out = quantize(q, lattice.values, lattice.scales, 2);
  EXPECT_EQ(plain.counts.lattice_groups, 0u);
  EXPECT_EQ(out.counts.lattice_groups, 64u - 7);
  EXPECT_EQ(out.counts.groups, plain.counts.groups);
  EXPECT_EQ(out.counts.nan_values, plain.counts.nan_values);
  for (std::size_t g : {3u, 4u, 10u, 11u, 20u, 31u, 63u}) {
    EXPECT_EQ(out.scales[g], plain.scales[g]) << g;
    for (std::size_t i = 0; i < 4; i++)
      EXPECT_EQ(out.words[g * 4 + i], plain.words[g * 4 + i]) << g;
  }
}

TEST(Lattice, OnlySchemesWithGroupsOf32) {
  EXPECT_TRUE(holds_lattice(*find_quantization("q4f16_1")));
  EXPECT_TRUE(holds_lattice(*find_quantization("q4f32_1")));
  EXPECT_FALSE(holds_lattice(*find_quantization("q3f16_1")));
  EXPECT_FALSE(holds_lattice(*find_quantization("q0f16")));
}

}  // namespace
}  // namespace mlc
