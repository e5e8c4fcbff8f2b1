// --method search: the SIMD levels against the plain form, never worse than rtn on any group, and
// the gain.
#include "quantize/group_search.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/half.h"
#include "convert/source.h"
#include "quantize/element.h"

namespace mlc {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::numeric_limits<float>::quiet_NaN();

// splitmix64 (Steele, Lea and Flood 2014): the same numbers everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }  // [0, 1)
  double gaussian() {                                                       // Box and Muller
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform());
  }

 private:
  std::uint64_t state_;
};

std::vector<const Quantization*> group_quantizations() {
  std::vector<const Quantization*> result;
  for (const Quantization& q : quantizations())
    if (q.kind == QuantKind::kGroup) result.push_back(&q);
  return result;
}

struct Source {
  DType dtype;
  std::vector<std::byte> bytes;
  std::size_t rows;
  std::size_t cols;
};

Source source_of(DType dtype, const std::vector<float>& values, std::size_t cols) {
  Source source{dtype, std::vector<std::byte>(values.size() * size_of(dtype)), values.size() / cols,
                cols};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t half =
        dtype == DType::kF16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
    if (dtype == DType::kF32) {
      std::memcpy(&source.bytes[i * 4], &values[i], 4);
    } else {
      std::memcpy(&source.bytes[i * 2], &half, 2);
    }
  }
  return source;
}

struct Result {
  std::vector<std::uint32_t> words;
  std::vector<std::byte> scales;
  QuantCounts counts;
};

Result run(GroupQuantFn quantize, const Quantization& q, const NumericRule& rule,
           const Source& source, bool want_error = true) {
  Result r;
  r.words.assign(source.rows * words_per_row(q, source.cols), 0xdeadbeefu);
  r.scales.assign(source.rows * groups_per_row(q, source.cols) * size_of(q.model_dtype),
                  std::byte{0xde});
  const GroupQuantBlock block{source.bytes.data(), source.dtype,   source.rows,
                              source.cols,         r.words.data(), r.scales.data()};
  quantize(q, rule, block, want_error, r.counts);
  return r;
}

void expect_same(const Result& a, const Result& b) {
  EXPECT_EQ(a.words, b.words);
  EXPECT_EQ(a.scales, b.scales);
  EXPECT_EQ(a.counts.groups, b.counts.groups);
  EXPECT_EQ(a.counts.zero_groups, b.counts.zero_groups);
  EXPECT_EQ(a.counts.nan_values, b.counts.nan_values);
  EXPECT_EQ(a.counts.inf_values, b.counts.inf_values);
  EXPECT_EQ(a.counts.overflow_values, b.counts.overflow_values);
  EXPECT_EQ(a.counts.overflow_groups, b.counts.overflow_groups);
  EXPECT_EQ(a.counts.square_error, b.counts.square_error);
  EXPECT_EQ(a.counts.rtn_square_error, b.counts.rtn_square_error);
  EXPECT_EQ(a.counts.square_weight, b.counts.square_weight);
}

const NumericRule& default_rule() { return numeric_rules().back(); }

// The kinds of groups that went wrong, or could: `kind` counts up to kKinds.
constexpr int kKinds = 24;
void fill_group(int kind, Random& random, float* w, std::size_t n) {
  const double size = std::ldexp(1.0, static_cast<int>(random.bits() % 16) - 12);
  for (std::size_t i = 0; i < n; ++i) {
    const double g = random.gaussian();
    const auto small = static_cast<double>(random.bits() % 3);
    double value = 0;
    switch (kind) {
      case 0:
      case 1:
      case 2:
        value = g * size;
        break;
      case 3:
        value = (random.uniform() * 2 - 1) * size;
        break;
      case 4:
        value = g * g * g * size;
        break;  // heavy tails
      case 5:
        value = random.bits() % 8 == 0 ? g * size : 0;
        break;  // sparse
      case 6:
        value = i == 5 ? 30 * size : g * size;
        break;  // one outlier
      case 7:
        value = size;
        break;  // all equal
      case 8:
        value = random.bits() % 2 == 0 ? size : -size;
        break;
      case 9:
        value = (static_cast<double>(random.bits() % 15) - 7) * 0.25;
        break;  // exact in rtn
      case 10:
        value = (static_cast<double>(random.bits() % 16) - 7) * 0.25;
        break;
      case 11:
        value = (7 - static_cast<double>(random.bits() % 16)) * 0.25;
        break;
      case 12:
        value = std::fabs(g) * size;
        break;  // one side only
      case 13:
        value = small * 0x1p-24;
        break;  // float16 subnormals
      case 14:
        value = g * 0x1p-20;
        break;
      case 15:
        value = g * 0x1p-15;
        break;
      case 16:
        value = i == 0 ? 0x1p14 : g * 4000;
        break;  // end of the range
      case 17:
        value = i == 0 ? 0x1.004p14 : g * 4000;
        break;
      case 18:
        value = i == n - 1 ? 65504 : g * 20000;
        break;  // overflows in rtn
      case 19:
        value = i == 3 ? static_cast<double>(kNan) : g * size;
        break;
      case 20:
        value = i == n / 2 ? static_cast<double>(kInf) : g;
        break;
      case 21:
        value = i == n - 1 ? 70000 : g;
        break;
      case 22:
        value = random.bits() % 2 == 0 ? 0.0 : -0.0;
        break;
      default:
        value = std::ldexp(g, static_cast<int>(random.bits() % 250) - 126);
        break;
    }
    w[i] = static_cast<float>(value);
  }
}

// Rows of groups of every kind in changing neighbourhood.
std::vector<float> hard_values(const Quantization& q, std::size_t rows, std::size_t cols,
                               std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(rows * cols);
  const auto group = static_cast<std::size_t>(q.group_size);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t col = 0; col < cols; col += group) {
      const auto kind = static_cast<int>(random.bits() % kKinds);
      fill_group(kind, random, &values[row * cols + col], std::min(group, cols - col));
    }
  }
  return values;
}

TEST(GroupSearch, EveryLevelGivesThePlainForm) {
  for (const Quantization* q : group_quantizations()) {
    for (const NumericRule& rule : numeric_rules()) {
      for (const DType dtype : {DType::kBF16, DType::kF16, DType::kF32}) {
        for (const std::size_t cols : {1u, 33u, 320u, 457u}) {
          SCOPED_TRACE(std::string(q->name) + " " + std::string(rule.name) + " " +
                       std::string(name_of(dtype)) + " " + std::to_string(cols));
          const Source source = source_of(dtype, hard_values(*q, 37, cols, cols), cols);
          const Result plain = run(search::group_quantize_search_reference, *q, rule, source);
          for (const std::string_view level : simd_levels()) {
            SCOPED_TRACE(level);
            limit_simd_level(level);
            expect_same(run(group_quantize_search, *q, rule, source), plain);
          }
          limit_simd_level("");
        }
      }
    }
  }
}

TEST(GroupSearch, BlocksMayBeCutAnywhere) {
  const Quantization& q = *find_quantization("q3f16_1");
  const std::size_t cols = 457;
  const Source whole = source_of(DType::kBF16, hard_values(q, 9, cols, 5), cols);
  const Result expected = run(group_quantize_search, q, default_rule(), whole, false);
  Result cut;
  for (std::size_t row = 0; row < whole.rows; ++row) {
    const auto begin = whole.bytes.begin() + static_cast<std::ptrdiff_t>(row * cols * 2);
    const Source one{DType::kBF16, {begin, begin + static_cast<std::ptrdiff_t>(cols * 2)}, 1, cols};
    const Result part = run(group_quantize_search, q, default_rule(), one, false);
    cut.words.insert(cut.words.end(), part.words.begin(), part.words.end());
    cut.scales.insert(cut.scales.end(), part.scales.begin(), part.scales.end());
  }
  EXPECT_EQ(cut.words, expected.words);
  EXPECT_EQ(cut.scales, expected.scales);
}

TEST(GroupSearch, EmptyBlock) {
  const Quantization& q = *find_quantization("q4f16_1");
  const Result r = run(group_quantize_search, q, default_rule(), Source{DType::kF16, {}, 3, 0});
  EXPECT_EQ(r.counts.groups, 0u);
}

// What a runtime computes with the scale as stored.
template <class T>
std::vector<float> stored_back(const Quantization& q, const Source& source, const Result& r) {
  std::vector<std::byte> scales = r.scales;
  for (std::size_t at = 0; at < scales.size(); at += sizeof(typename T::Bits)) {
    typename T::Bits bits;
    std::memcpy(&bits, &scales[at], sizeof bits);
    bits = T::narrow(stored_scale<T>(bits));
    std::memcpy(&scales[at], &bits, sizeof bits);
  }
  std::vector<float> back(source.rows * source.cols);
  group_dequantize(q, source.rows, source.cols, r.words.data(), scales.data(), back.data());
  return back;
}

// Errors per group, in float64 from the stored bytes alone.
template <class T>
void compare_groups(const Quantization& q, const std::vector<float>& values, std::size_t cols) {
  const Source source = source_of(DType::kF32, values, cols);
  const Result rtn = run(group_quantize_reference, q, default_rule(), source);
  const Result found = run(group_quantize_search, q, default_rule(), source);
  const std::vector<float> rtn_back = stored_back<T>(q, source, rtn);
  const std::vector<float> back = stored_back<T>(q, source, found);
  const auto group = static_cast<std::size_t>(q.group_size);
  const std::size_t groups_in_row = groups_per_row(q, cols);
  double error_sum = 0;
  std::size_t better = 0;
  for (std::size_t g = 0; g < source.rows * groups_in_row; ++g) {
    const search::GroupPlace place = search::place_of(q, cols, groups_in_row, g);
    double rtn_error = 0;
    double error = 0;
    bool finite = true;
    for (std::size_t i = place.offset; i < place.offset + place.size; ++i) {
      const double w = static_cast<double>(round_to<T>(values[i]));
      finite = finite && std::isfinite(w) && std::isfinite(rtn_back[i]);
      rtn_error += (w - rtn_back[i]) * (w - rtn_back[i]);
      error += (w - back[i]) * (w - back[i]);
    }
    const bool same =
        std::memcmp(&rtn.words[g * 4], &found.words[g * 4], 16) == 0 &&
        std::memcmp(&rtn.scales[g * sizeof(typename T::Bits)],
                    &found.scales[g * sizeof(typename T::Bits)], sizeof(typename T::Bits)) == 0;
    if (!finite) {
      ASSERT_TRUE(same) << "group " << g;
      continue;
    }
    if (!same) {
      ASSERT_LT(error, rtn_error) << "group " << g;
      ++better;
    }
    error_sum += error;
    // Slots past the end of a row.
    for (std::size_t i = place.size; i < group; ++i) {
      const auto per_word = static_cast<std::size_t>(q.codes_per_word());
      const std::size_t shift = i % per_word * static_cast<std::size_t>(q.bits);
      ASSERT_EQ(found.words[g * 4 + i / per_word] >> shift & ((1u << q.bits) - 1), 0u);
    }
  }
  EXPECT_GT(better, source.rows * groups_in_row / 3);
  EXPECT_NEAR(found.counts.square_error / error_sum, 1, 1e-6);
  EXPECT_NEAR(found.counts.rtn_square_error / rtn.counts.square_error, 1, 1e-6);
  EXPECT_NEAR(found.counts.square_weight / rtn.counts.square_weight, 1, 1e-6);
  EXPECT_EQ(found.counts.groups, rtn.counts.groups);
  EXPECT_EQ(found.counts.nan_values, rtn.counts.nan_values);
}

TEST(GroupSearch, NeverWorseThanRtnOnAnyGroup) {
  for (const Quantization* q : group_quantizations()) {
    for (const std::size_t cols : {640u, 999u}) {
      SCOPED_TRACE(std::string(q->name) + " " + std::to_string(cols));
      const std::vector<float> values = hard_values(*q, 300, cols, 7);
      if (q->model_dtype == DType::kF16) {
        compare_groups<ElementF16>(*q, values, cols);
      } else if (q->model_dtype == DType::kBF16) {
        compare_groups<ElementBF16>(*q, values, cols);
      } else {
        compare_groups<ElementF32>(*q, values, cols);
      }
    }
  }
}

TEST(GroupSearch, UsesTheSixteenthCodeAndBothSigns) {
  // -7 to 8 quarters, and the mirror image: exact with scale 0.25 and -0.25.
  const Quantization& q = *find_quantization("q4f16_1");
  std::vector<float> values(64);
  for (std::size_t i = 0; i < 32; ++i) {
    values[i] = (static_cast<float>(i % 16) - 7) * 0.25f;
    values[32 + i] = -values[i];
  }
  const Result r =
      run(group_quantize_search, q, default_rule(), source_of(DType::kF32, values, 64));
  EXPECT_EQ(r.counts.square_error, 0);
  EXPECT_GT(r.counts.rtn_square_error, 0);
  EXPECT_EQ(r.words, (std::vector<std::uint32_t>{0x76543210, 0xfedcba98, 0x76543210, 0xfedcba98,
                                                 0x76543210, 0xfedcba98, 0x76543210, 0xfedcba98}));
  EXPECT_EQ(r.scales,
            (std::vector<std::byte>{std::byte{0}, std::byte{0x34}, std::byte{0}, std::byte{0xb4}}));
}

TEST(GroupSearch, Float32ScalesAreBfloat16Already) {
  const Quantization& q = *find_quantization("q4f32_1");
  Random random(3);
  std::vector<float> values(640 * 20);
  for (float& v : values)
    v = static_cast<float>(random.gaussian());
  const Result r =
      run(group_quantize_search, q, default_rule(), source_of(DType::kF32, values, 640));
  EXPECT_LT(r.counts.square_error, 0.71 * r.counts.rtn_square_error);
  for (std::size_t at = 0; at < r.scales.size(); at += 4u) {
    std::uint32_t bits;
    std::memcpy(&bits, &r.scales[at], 4);
    EXPECT_EQ(bits & 0xffffu, 0u);
  }
}

// The bytes themselves, so that another compiler or CPU can't agree with itself on other ones.
// Integers over a power of two: no function of the C library takes part.
TEST(GroupSearch, BytesAreFixed) {
  struct Expected {
    std::string_view quantization;
    std::uint64_t hash;
  };
  for (const Expected& e :
       {Expected{"q4f16_1", 0x3edba00b77aeaa1bu}, Expected{"q3f16_1", 0x6f2ff11cc2c77f65u},
        Expected{"q4bf16_1", 0xd848872f18807bacu}, Expected{"q4f32_1", 0x8e0286e435ae447bu}}) {
    Random random(11);
    std::vector<float> values(450 * 64);
    for (float& v : values) {
      int sum = 0;
      for (int i = 0; i < 6; ++i)
        sum += static_cast<int>(random.bits() % 8192) - 4096;
      v = static_cast<float>(sum) * 0x1p-17f;
    }
    const Result r = run(group_quantize_search, *find_quantization(e.quantization), default_rule(),
                         source_of(DType::kF32, values, 450));
    std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
    const auto add = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3u; };
    for (const std::uint32_t word : r.words)
      for (int shift = 0; shift < 32; shift += 8)
        add(static_cast<std::uint8_t>(word >> shift));
    for (const std::byte byte : r.scales)
      add(static_cast<std::uint8_t>(byte));
    EXPECT_EQ(hash, e.hash) << e.quantization << " " << hash;
  }
}

// Goals: 0.70 and 0.52 of rtn's error. The best that any scale could reach is 0.6954 and 0.5078 on
// Gaussian weights, found by trying 600 scales of each sign per group.
TEST(GroupSearch, GainOnGaussianWeights) {
  Random random(1);
  std::vector<float> values(2560 * 200);
  for (float& v : values)
    v = static_cast<float>(random.gaussian() * 0.02);
  const Source source = source_of(DType::kBF16, values, 2560);
  const Result q4 =
      run(group_quantize_search, *find_quantization("q4f16_1"), default_rule(), source);
  const Result q3 =
      run(group_quantize_search, *find_quantization("q3f16_1"), default_rule(), source);
  EXPECT_LT(q4.counts.square_error, 0.70 * q4.counts.rtn_square_error);
  EXPECT_LT(q3.counts.square_error, 0.52 * q3.counts.rtn_square_error);
}

TEST(GroupSearch, GainOnTrainedWeights) {
  const Checkpoint checkpoint =
      open_checkpoint(std::string(MLC_TEST_DATA) + "/data/kjv-llama", "huggingface-safetensor");
  QuantCounts q4;
  QuantCounts q3;
  for (const SourceTensor& tensor : checkpoint.tensors) {
    if (tensor.shape.size() != 2) continue;
    Source source{tensor.dtype, std::vector<std::byte>(tensor.nbytes),
                  static_cast<std::size_t>(tensor.shape[0]),
                  static_cast<std::size_t>(tensor.shape[1])};
    checkpoint.files[tensor.file].file->read(tensor.offset, source.bytes);
    q4 += run(group_quantize_search, *find_quantization("q4f16_1"), default_rule(), source).counts;
    q3 += run(group_quantize_search, *find_quantization("q3f16_1"), default_rule(), source).counts;
  }
  EXPECT_EQ(q4.groups, 171008u);
  EXPECT_LT(q4.square_error, 0.70 * q4.rtn_square_error);
  EXPECT_LT(q3.square_error, 0.52 * q3.rtn_square_error);
  RecordProperty("q4f16_1", std::to_string(q4.square_error / q4.rtn_square_error));
  RecordProperty("q3f16_1", std::to_string(q3.square_error / q3.rtn_square_error));
}

}  // namespace
}  // namespace mlc
