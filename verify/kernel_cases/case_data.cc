#include "verify/kernel_cases/case_data.h"

namespace mlc {

Random::Random(std::string_view seed) : state_(0xcbf29ce484222325u) {
  for (const char c : seed)  // FNV-1a
    state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
}

std::uint64_t Random::next() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double Random::uniform(double low, double high) {
  return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53);
}

float value_of(Random& random, Values values) {
  const double unit = random.uniform(-1, 1);
  double value = unit;
  switch (values) {
    case Values::kUnit:
      break;
    case Values::kLarge:
      value = unit * 0x1p40;
      break;
    case Values::kSteep:
      value = unit * 0x1p58;
      break;
    case Values::kHuge:
      value = unit * 0x1p97;
      break;
    case Values::kTiny:
      value = unit * 0x1p-60;
      break;
    case Values::kDenormal:
      value = unit * 0x1p-127;
      break;
    case Values::kMixed:
      value = std::ldexp(unit, static_cast<int>(random.below(41)) - 20);
      break;
    case Values::kPositive:
      value = random.uniform(0.01, 1);
      break;
    case Values::kTied:
      value = static_cast<double>(random.below(5)) - 2;
      break;
    case Values::kZero:
      value = 0;
      break;
  }
  return static_cast<float>(value);
}

std::vector<std::uint32_t> random_rows(Random& random, Rows shape, Values values) {
  std::vector<std::uint32_t> words((shape.rows - 1) * shape.stride + shape.offset + shape.width,
                                   kGap);
  for (std::size_t r = 0; r < shape.rows; r++)
    for (std::size_t i = 0; i < shape.width; i++)
      words[r * shape.stride + shape.offset + i] = word(value_of(random, values));
  return words;
}

std::vector<std::uint32_t> random_vector(Random& random, std::size_t n, Values values) {
  return random_rows(random, {1, n, n, 0}, values);
}

namespace {

std::vector<std::uint32_t> pairs(const std::vector<std::uint16_t>& halves) {
  std::vector<std::uint32_t> words((halves.size() + 1) / 2, 0);
  for (std::size_t i = 0; i < halves.size(); i++)
    words[i / 2] |= std::uint32_t{halves[i]} << (i % 2 * 16);
  return words;
}

}  // namespace

std::vector<std::uint32_t> random_halves(Random& random, std::size_t n, Values values) {
  std::vector<std::uint16_t> halves(n);
  for (auto& half : halves)
    half = f32_to_f16(value_of(random, values));
  return pairs(halves);
}

namespace {

double plain_size(WeightData data) {
  return data == WeightData::kLarge ? 60000 : data == WeightData::kTiny ? 0x1p-18 : 1;
}

// Every field of a word the same; the bits that q3 leaves unused are 0.
std::uint32_t word_of_codes(WeightFormat format, WeightData data, Random& random) {
  const bool q4 = format == WeightFormat::kQ4;
  const std::uint32_t ones = q4 ? 0x11111111 : 0x09249249;
  switch (data) {
    case WeightData::kTopCode:
      return ones * (q4 ? 15u : 7u);
    case WeightData::kBottomCode:
      return 0;
    case WeightData::kZeroCode:
      return ones * (q4 ? 7u : 3u);
    default:  // q3 leaves two bits of a word unused: they may be set
      return static_cast<std::uint32_t>(random.next());
  }
}

double scale_of(WeightData data, Random& random) {
  const double unit = random.uniform(-1, 1);
  const std::uint32_t kind = random.below(16);
  switch (data) {
    case WeightData::kPositive:
      return 0.01 + 0.05 * std::fabs(unit);
    case WeightData::kNegative:
      return -0.01 - 0.05 * std::fabs(unit);
    case WeightData::kZeroScale:
      return std::copysign(0.0, unit);
    case WeightData::kDenormalScale:
    case WeightData::kTiny:
      return unit * 0x1p-15;
    case WeightData::kLarge:
      return unit * 60000;
    default:
      return (kind == 0 ? 0 : kind == 1 ? 0x1p-18 : kind == 2 ? 40 : 0.05) * unit;
  }
}

}  // namespace

std::vector<std::uint32_t> random_weight(Random& random, WeightFormat format, std::size_t rows,
                                         std::size_t k, WeightData data) {
  if (format == WeightFormat::kQ4 || format == WeightFormat::kQ3) {
    const std::size_t group = format == WeightFormat::kQ4 ? 32 : 40;
    std::vector<std::uint32_t> words(rows * ((k + group - 1) / group) * 4);
    for (auto& w : words)
      w = word_of_codes(format, data, random);
    return words;
  }
  std::vector<std::uint32_t> words;
  std::vector<std::uint16_t> halves;
  for (std::size_t i = 0; i < rows * k; i++) {
    const float value = static_cast<float>(plain_size(data)) * value_of(random, Values::kUnit);
    if (format == WeightFormat::kF32)
      words.push_back(word(value));
    else
      halves.push_back(format == WeightFormat::kF16 ? f32_to_f16(value) : f32_to_bf16(value));
  }
  return format == WeightFormat::kF32 ? words : pairs(halves);
}

std::vector<std::uint32_t> random_scale(Random& random, WeightFormat format, ScaleFormat scale,
                                        std::size_t rows, std::size_t k, WeightData data) {
  if (format != WeightFormat::kQ4 && format != WeightFormat::kQ3) return {};
  const std::size_t group = format == WeightFormat::kQ4 ? 32 : 40;
  const std::size_t n = rows * ((k + group - 1) / group);
  std::vector<std::uint32_t> words;
  std::vector<std::uint16_t> halves;
  for (std::size_t i = 0; i < n; i++) {
    const auto value = static_cast<float>(scale_of(data, random));
    words.push_back(word(value));
    halves.push_back(scale == ScaleFormat::kF16 ? f32_to_f16(value) : f32_to_bf16(value));
  }
  return scale == ScaleFormat::kF32 ? words : pairs(halves);
}

std::vector<std::uint32_t> states(const std::vector<RowState>& rows) {
  std::vector<std::uint32_t> words;
  for (const RowState& row : rows)
    for (const std::uint32_t part : {row.token, row.slot, row.position, row.reserved})
      words.push_back(part);
  return words;
}

std::vector<std::uint32_t> states(std::initializer_list<RowState> rows) {
  return states(std::vector<RowState>(rows));
}

const std::vector<KernelCase>& all_cases() {
  static const Cases kCases = [] {
    Cases cases;
    add_weight_cases(cases);
    add_row_cases(cases);
    add_attention_cases(cases);
    add_choice_cases(cases);
    add_recurrence_cases(cases);
    return cases;
  }();
  return kCases;
}

}  // namespace mlc
