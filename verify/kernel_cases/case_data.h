// Seeded data for cases, and the lists of cases by subject.
#pragma once

#include <initializer_list>
#include <string_view>

#include "verify/kernel_cases/kernel_cases.h"

namespace mlc {

// SplitMix64: the same numbers on every system.
class Random {
 public:
  explicit Random(std::string_view seed);
  std::uint64_t next();
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(next() >> 32) % n; }
  double uniform(double low, double high);

 private:
  std::uint64_t state_;
};

enum class Values : std::uint8_t {
  kUnit,      // -1 to 1
  kLarge,     // about 2^40
  kSteep,     // about 2^58: squares near the end of float32
  kHuge,      // about 2^97: times kLarge weights, sums near the end of float32
  kTiny,      // about 2^-60
  kDenormal,  // below 2^-126
  kMixed,     // magnitudes from 2^-20 to 2^20
  kPositive,  // 0.01 to 1
  kTied,      // few distinct values
  kZero,
};
float value_of(Random& random, Values values);

// What lies between rows and around slices: a NaN.
inline constexpr std::uint32_t kGap = 0x7fc0a5a5;

// Rows of `width` values, `stride` apart, from `offset` on; the rest is kGap.
struct Rows {
  std::size_t rows, width, stride, offset;
};
std::vector<std::uint32_t> random_rows(Random& random, Rows shape, Values values = Values::kUnit);
std::vector<std::uint32_t> random_vector(Random& random, std::size_t n,
                                         Values values = Values::kUnit);

// What is special about the numbers of a matrix; of codes and scales, but for the two that other
// formats have as well.
enum class WeightData : std::uint8_t {
  kMixed,          // any code (15 and 7 too), scales of both signs, some zero or subnormal
  kPositive,       // positive scales
  kNegative,       // negative scales
  kTopCode,        // every code the highest: 15 or 7, which rtn never makes of positive scales
  kBottomCode,     // every code 0
  kZeroCode,       // every code the one that means zero
  kZeroScale,      // every scale zero, of both signs
  kDenormalScale,  // scales that are subnormal float16; as small in other formats
  kLarge,          // values of about 2^16
  kTiny,           // values that are subnormal float16
};
// Matrices of `rows` rows; codes behind column k are any.
std::vector<std::uint32_t> random_weight(Random& random, WeightFormat format, std::size_t rows,
                                         std::size_t k, WeightData data = WeightData::kMixed);
std::vector<std::uint32_t> random_scale(Random& random, WeightFormat format, ScaleFormat scale,
                                        std::size_t rows, std::size_t k,
                                        WeightData data = WeightData::kMixed);
std::vector<std::uint32_t> random_halves(Random& random, std::size_t n, Values values);

std::vector<std::uint32_t> states(std::initializer_list<RowState> rows);
std::vector<std::uint32_t> states(const std::vector<RowState>& rows);

constexpr std::uint32_t word(float value) { return f32_bits(value); }
inline std::uint32_t word(std::size_t value) { return static_cast<std::uint32_t>(value); }

struct Format {
  std::string_view name;
  WeightFormat weight;
  ScaleFormat scale;
};
inline constexpr std::array kFormats = {
    Format{"f32", WeightFormat::kF32, ScaleFormat::kF32},
    Format{"f16", WeightFormat::kF16, ScaleFormat::kF32},
    Format{"bf16", WeightFormat::kBF16, ScaleFormat::kF32},
    Format{"q4f16", WeightFormat::kQ4, ScaleFormat::kF16},
    Format{"q4bf16", WeightFormat::kQ4, ScaleFormat::kBF16},
    Format{"q4f32", WeightFormat::kQ4, ScaleFormat::kF32},
    Format{"q3f16", WeightFormat::kQ3, ScaleFormat::kF16},
    Format{"q3bf16", WeightFormat::kQ3, ScaleFormat::kBF16},
    Format{"q3f32", WeightFormat::kQ3, ScaleFormat::kF32},
};

using Cases = std::vector<KernelCase>;
void add_weight_cases(Cases& cases);
void add_row_cases(Cases& cases);
void add_attention_cases(Cases& cases);
void add_choice_cases(Cases& cases);
void add_recurrence_cases(Cases& cases);

}  // namespace mlc
