// The fast kernels meet the plain reference: every level of this machine, scheme, source, rule.
#include <array>
#include <bit>
#include <string>

#include <gtest/gtest.h>

#include "quantize/element.h"
#include "quantize/group_quant.h"
#include "tests/unit/quant_cases.h"

namespace mlc {
namespace {

using test::as_source;
using test::kKinds;
using test::make_values;

constexpr std::array kSchemes = {"q4f16_1", "q3f16_1", "q4bf16_1", "q4f32_1"};
constexpr std::array kSources = {DType::kBF16, DType::kF16, DType::kF32};
constexpr std::uint32_t kGuard = 0xa5c3a5c3;
constexpr std::size_t kGuardWords = 16;

struct Output {
  std::vector<std::uint32_t> words;  // with guard words on both sides
  std::vector<std::uint32_t> scales;
  QuantCounts counts;
};

Output run(GroupQuantFn quantize, const Quantization& q, const NumericRule& rule, const void* src,
           DType dtype, std::size_t rows, std::size_t cols, bool want_error) {
  Output out;
  std::size_t scale_bytes = rows * groups_per_row(q, cols) * size_of(q.model_dtype);
  out.words.assign(rows * words_per_row(q, cols) + 2 * kGuardWords, kGuard);
  out.scales.assign((scale_bytes + 3) / 4 + 2 * kGuardWords, kGuard);
  GroupQuantBlock block{
      src, dtype, rows, cols, out.words.data() + kGuardWords, out.scales.data() + kGuardWords};
  quantize(q, rule, block, want_error, out.counts);
  return out;
}

void expect_equal(const Output& want, const Output& got) {
  ASSERT_EQ(want.words, got.words);
  ASSERT_EQ(want.scales, got.scales);
  const QuantCounts &a = want.counts, &b = got.counts;
  ASSERT_EQ(a.groups, b.groups);
  ASSERT_EQ(a.zero_groups, b.zero_groups);
  ASSERT_EQ(a.nan_values, b.nan_values);
  ASSERT_EQ(a.inf_values, b.inf_values);
  ASSERT_EQ(a.overflow_values, b.overflow_values);
  ASSERT_EQ(a.overflow_groups, b.overflow_groups);
  ASSERT_EQ(std::bit_cast<std::uint64_t>(a.square_error),
            std::bit_cast<std::uint64_t>(b.square_error));
  ASSERT_EQ(std::bit_cast<std::uint64_t>(a.square_weight),
            std::bit_cast<std::uint64_t>(b.square_weight));
}

// The reference once, then every level.
void meet(const Quantization& q, const NumericRule& rule, const void* src, DType dtype,
          std::size_t rows, std::size_t cols, bool with_error = true) {
  for (bool want_error : {false, true}) {
    if (want_error && !with_error) continue;
    Output want = run(group_quantize_reference, q, rule, src, dtype, rows, cols, want_error);
    for (std::string_view level : simd_levels()) {
      SCOPED_TRACE(testing::Message() << q.name << " " << rule.name << " " << name_of(dtype) << " "
                                      << rows << "x" << cols << " " << level);
      limit_simd_level(level);
      expect_equal(want, run(group_quantize, q, rule, src, dtype, rows, cols, want_error));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

class GroupQuantSimd : public testing::Test {
 protected:
  void TearDown() override { limit_simd_level(""); }
};

TEST_F(GroupQuantSimd, MeetsTheReference) {
  constexpr std::array<std::array<std::size_t, 2>, 9> kShapes = {
      {{0, 32}, {3, 0}, {1, 1}, {4, 31}, {3, 77}, {5, 32 * 5}, {2, 40 * 17}, {1, 1280}, {7, 333}}};
  std::uint64_t seed = 1;
  for (std::string_view kind : kKinds)
    for (DType dtype : kSources)
      for (auto [rows, cols] : kShapes) {
        std::size_t offset = seed % 4;
        auto bytes = as_source(make_values(kind, dtype, rows * cols, seed++), dtype, offset);
        for (const char* scheme : kSchemes)
          for (const NumericRule& rule : numeric_rules()) {
            SCOPED_TRACE(std::string(kind));
            meet(*find_quantization(scheme), rule, bytes.data() + offset, dtype, rows, cols);
            if (HasFatalFailure()) return;
          }
      }
}

// Every bfloat16 element against groups of many maxima (elements above it become it).
TEST_F(GroupQuantSimd, EveryBfloat16Element) {
  constexpr std::size_t kOthers = 31;
  constexpr std::size_t kGroups = (65536 + kOthers - 1) / kOthers;
  std::vector<std::uint16_t> src(kGroups * 32);
  for (std::uint32_t max = 0x3500; max < 0x4780; max += 0x35) {
    for (std::size_t i = 0; i < src.size(); i++) {
      auto value = static_cast<std::uint16_t>(i / 32 * kOthers + i % 32 - 1);
      bool larger = (value & 0x7fffu) > max;
      src[i] = i % 32 == 0 || larger ? static_cast<std::uint16_t>(max) : value;
    }
    for (const NumericRule& rule : numeric_rules()) {
      SCOPED_TRACE(max);
      meet(*find_quantization("q4f16_1"), rule, src.data(), DType::kBF16, 1, src.size(), false);
      if (HasFatalFailure()) return;
    }
  }
}

// Every float16 maximum, that is every scale, with elements near its ties.
TEST_F(GroupQuantSimd, EveryFloat16Maximum) {
  for (const char* scheme : {"q4f16_1", "q3f16_1"}) {
    const Quantization& q = *find_quantization(scheme);
    const auto group = static_cast<std::size_t>(q.group_size);
    std::vector<std::uint16_t> src(0x8000 * group);
    test::Random random(7);
    for (std::size_t m = 0; m < 0x8000; m++) {
      float max = f16_to_f32(static_cast<std::uint16_t>(m));
      float scale = max / static_cast<float>(q.max_int());
      src[m * group] = static_cast<std::uint16_t>(m);
      for (std::size_t i = 1; i < group; i++) {
        std::uint16_t h = f32_to_f16(test::near_tie(random, DType::kF16, scale));
        src[m * group + i] = (h & 0x7fffu) < m ? h : static_cast<std::uint16_t>(m);
      }
    }
    for (const NumericRule& rule : numeric_rules()) {
      meet(q, rule, src.data(), DType::kF16, 1, src.size(), false);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(GroupQuantSimd, LevelsAreNamedAndLimited) {
  ASSERT_FALSE(simd_levels().empty());
  EXPECT_ANY_THROW(limit_simd_level("AVX9"));
  for (std::string_view level : simd_levels())
    EXPECT_NO_THROW(limit_simd_level(level));
}

}  // namespace
}  // namespace mlc
