#include "quantize/fp8_pack.h"

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/half.h"
#include "base/json.h"
#include "tests/unit/quant_cases.h"

namespace mlc {
namespace {

constexpr DType kForms[] = {DType::kF8E4M3FN, DType::kF8E5M2};

// Nearest among all codes; of two equally near ones the one with an even code.
std::uint8_t nearest(float value, DType form) {
  if (std::isnan(value))
    return static_cast<std::uint8_t>((form == DType::kF8E5M2 ? 0x7e : 0x7f) |
                                     (std::signbit(value) ? 0x80 : 0));
  int best = 0;
  double error = INFINITY;
  for (int code = 0; code < 0x7f; code++) {
    double v = fp8_to_f32(static_cast<std::uint8_t>(code), form);
    if (!std::isfinite(v)) continue;
    double e = std::fabs(std::fabs(double{value}) - v);
    if (std::isinf(value)) e = 1 / (1 + v);
    if (e < error || (e == error && code % 2 == 0)) {
      best = code;
      error = e;
    }
  }
  return static_cast<std::uint8_t>(best | (std::signbit(value) ? 0x80 : 0));
}

TEST(Fp8Pack, EveryFloat16RoundsToTheNearestCode) {
  for (DType form : kForms)
    for (std::uint32_t h = 0; h < 65536; h++) {
      float value = f16_to_f32(static_cast<std::uint16_t>(h));
      ASSERT_EQ(f32_to_fp8(value, form), nearest(value, form)) << value;
    }
}

TEST(Fp8Pack, EveryCodeComesBack) {
  for (DType form : kForms)
    for (int code = 0; code < 256; code++) {
      float value = fp8_to_f32(static_cast<std::uint8_t>(code), form);
      if (!std::isfinite(value)) continue;
      EXPECT_EQ(f32_to_fp8(value, form), code);
    }
}

TEST(Fp8Pack, CodesAreThoseOfTheTables) {
  std::filesystem::path path =
      std::filesystem::path(MLC_TEST_SHARED) / "golden" / "formats" / "fp8" / "code_tables.json";
  if (!std::filesystem::exists(path)) {
    std::printf("skipped: no shared data\n");
    return;
  }
  Json tables = read_json_file(path.string());
  for (DType form : kForms) {
    const char* name = form == DType::kF8E5M2 ? "e5m2" : "e4m3fn";
    const Json* table = tables.find(name);
    ASSERT_NE(table, nullptr) << dump_json(tables).substr(0, 300);
    const auto& values = table->items(name);
    ASSERT_EQ(values.size(), 256u);
    for (std::size_t code = 0; code < 256; code++) {
      float ours = fp8_to_f32(static_cast<std::uint8_t>(code), form);
      if (!std::isfinite(ours)) {
        EXPECT_FALSE(values[code].is_number());
      } else {
        EXPECT_EQ(static_cast<float>(values[code].as_double(name)), ours) << code;
      }
    }
  }
}

std::vector<std::uint16_t> values_of(int kind, std::size_t n, test::Random& random) {
  std::vector<std::uint16_t> values(n);
  for (auto& v : values) {
    v = kind == 0   ? static_cast<std::uint16_t>(random.bits())
        : kind == 1 ? f32_to_f16(random.gaussian())
                    : static_cast<std::uint16_t>(random.bits() & 0x83ff);
    if (kind == 1 && random.bits() % 500 == 0) v = 0x7e01;
  }
  return values;
}

TEST(Fp8Pack, MaximaInPartsEqualOneFold) {
  test::Random random(2);
  for (int turn = 0; turn < 300; turn++) {
    std::vector<std::uint16_t> values = values_of(turn % 3, random.bits() % 900, random);
    MaxAbs whole = max_abs_reference(values.data(), values.size());
    MaxAbs joined;
    for (std::size_t i = 0; i < values.size();) {
      std::size_t n = std::min<std::size_t>(random.bits() % 200, values.size() - i);
      joined.append(max_abs(values.data() + i, n));
      i += n;
    }
    EXPECT_EQ(f32_bits(whole.value), f32_bits(joined.value));
  }
}

TEST(Fp8Pack, TheTableEqualsTheReference) {
  test::Random random(7);
  for (DType form : kForms)
    for (const NumericRule& rule : numeric_rules())
      for (int kind = 0; kind < 3; kind++) {
        std::vector<std::uint16_t> values = values_of(kind, 100'000, random);
        float scale = fp8_scale(max_abs(values.data(), values.size()), rule);
        std::vector<std::uint8_t> slow(values.size());
        std::vector<std::uint8_t> fast(values.size());
        fp8_quantize_reference(values.data(), values.size(), scale, form, slow.data());
        Fp8Quantizer quantizer;
        for (std::size_t i = 0; i < values.size(); i += 10'000)
          quantizer.quantize(values.data() + i, 10'000, scale, form, fast.data() + i);
        EXPECT_EQ(slow, fast);
      }
}

TEST(Fp8Pack, ScaleIsAFloat16OfTheMaximumAndNeverZero) {
  const NumericRule& old = *find_numeric_rule("mlc-2024");
  const NumericRule& now = *find_numeric_rule("mlc-2026");
  EXPECT_EQ(fp8_scale({.value = 448, .empty = false}, now), 1.0f);
  // 1/448 in float16 is 0x1892, 2.2316e-3 instead of 2.2321e-3.
  EXPECT_EQ(fp8_scale({.value = 448, .empty = false}, old),
            f16_to_f32(f32_to_f16(448 * f16_to_f32(0x1892))));
  EXPECT_EQ(fp8_scale({.value = 0, .empty = false}, now), f16_to_f32(0x0049));
}

}  // namespace
}  // namespace mlc
