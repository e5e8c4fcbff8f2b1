// Lattices that nobody told: found in plain floats, kept without loss, and nothing else touched.
#include "quantize/lattice_search.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "convert/convert.h"
#include "quant_cases.h"
#include "quantize/lattice.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

using Values = std::vector<float>;

std::string bytes_of(DType dtype, const Values& values) {
  std::string bytes;
  auto put = [&](auto element) {
    bytes.append(reinterpret_cast<const char*>(&element), sizeof element);
  };
  for (float f : values) {
    if (dtype == DType::kF16)
      put(f32_to_f16(f));
    else if (dtype == DType::kBF16)
      put(f32_to_bf16(f));
    else
      put(f);
  }
  return bytes;
}

Values as_stored(DType dtype, Values values) {
  for (float& f : values)
    f = test::narrowed(dtype, f);
  return values;
}

// k x d with one d a group: levels from `least` to `most`, d of the size of weights, either sign,
// and a group of zeros now and then.
Values make_lattice(DType scale_dtype, int least, int most, std::size_t groups,
                    std::uint64_t seed) {
  test::Random random(seed);
  Values values;
  for (std::size_t g = 0; g < groups; g++) {
    // Not so small that it is a subnormal float16.
    float d = test::narrowed(scale_dtype, random.gaussian() * 0.02f);
    if (std::fabs(d) < 0x1p-14f) d = 0x1p-14f;
    if (random.below(50) == 0) d = 0;
    for (std::size_t i = 0; i < kLatticeGroup; i++)
      values.push_back(
          (static_cast<float>(random.below(static_cast<std::uint32_t>(most - least + 1))) +
           static_cast<float>(least)) *
          d);
  }
  return values;
}

struct Quantized {
  std::vector<std::uint32_t> words;
  std::string scales;
  QuantCounts counts;
  Values computed;  // by a runtime
  bool operator==(const Quantized& o) const { return words == o.words && scales == o.scales; }
};

Quantized quantize(const Quantization& q, DType dtype, const Values& values, bool search_lattice,
                   GroupQuantFn method = group_quantize) {
  constexpr std::size_t kCols = 256;
  std::string src = bytes_of(dtype, values);
  std::size_t rows = values.size() / kCols;
  std::size_t scale_size = size_of(q.model_dtype);
  Quantized out{.words = std::vector<std::uint32_t>(values.size() / 8),
                .scales = std::string(values.size() / 32 * scale_size, '\0'),
                .counts = {},
                .computed = Values(values.size())};
  GroupQuantBlock block{.src = src.data(),
                        .src_dtype = dtype,
                        .rows = rows,
                        .cols = kCols,
                        .q_weight = out.words.data(),
                        .q_scale = out.scales.data()};
  const NumericRule& rule = numeric_rules().back();
  if (search_lattice)
    group_quantize_found_lattice(q, rule, block, method, true, out.counts);
  else
    method(q, rule, block, true, out.counts);
  std::string stored = out.scales;
  if (q.model_dtype == DType::kF32)
    for (std::size_t i = 0; i < stored.size(); i += 4) {
      float s;
      std::memcpy(&s, stored.data() + i, 4);
      s = bf16_to_f32(f32_to_bf16_mlc(s));
      std::memcpy(stored.data() + i, &s, 4);
    }
  group_dequantize_reference(q, rows, kCols, out.words.data(), stored.data(), out.computed.data());
  return out;
}

bool found(const Quantization& q, DType dtype, const Values& values) {
  std::string src = bytes_of(dtype, values);
  std::size_t groups = values.size() / kLatticeGroup;
  return count_on_lattice(q, src.data(), dtype, groups) == groups;
}

struct Case {
  std::string_view quantization;
  DType source;
  DType scale;  // of the lattice
  int least, most;
};
// What is stored has the model's bits as long as the source has no fewer.
constexpr Case kCases[] = {
    {"q4f16_1", DType::kF32, DType::kF16, -8, 7},    {"q4f16_1", DType::kF32, DType::kF16, -7, 8},
    {"q4f16_0", DType::kF16, DType::kF16, -8, 7},    {"q4f16_1", DType::kF16, DType::kF16, -7, 7},
    {"q4f16_2", DType::kF16, DType::kF16, -8, 7},    {"q4f16_1", DType::kBF16, DType::kF16, -8, 7},
    {"q4f16_1", DType::kBF16, DType::kBF16, -8, 7},  {"q4f16_1", DType::kBF16, DType::kF16, -7, 7},
    {"q4f32_1", DType::kF32, DType::kBF16, -8, 7},   {"q4f32_1", DType::kBF16, DType::kBF16, -8, 7},
    {"q4bf16_1", DType::kBF16, DType::kBF16, -8, 7}, {"q4f16_1", DType::kF16, DType::kF16, -2, 1},
    {"q4f16_1", DType::kF16, DType::kF16, -1, 1},
};

TEST(LatticeSearch, AMillionValuesOfEachKindAreKept) {
  std::size_t cases = 0;
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.quantization) + " from " + std::string(name_of(c.source)));
    const Quantization& q = *find_quantization(c.quantization);
    Values values = as_stored(c.source, make_lattice(c.scale, c.least, c.most, 1 << 15, 11));
    ASSERT_GE(values.size(), 1000000u);
    ASSERT_TRUE(found(q, c.source, values));
    Quantized out = quantize(q, c.source, values, true);
    EXPECT_EQ(out.counts.groups, std::size_t{1} << 15);
    EXPECT_EQ(out.counts.lattice_groups, out.counts.groups);
    bool fewer_bits = c.source == DType::kBF16 && q.model_dtype != DType::kBF16;
    std::size_t equal = 0, equal_in_model = 0;
    for (std::size_t i = 0; i < values.size(); i++) {
      std::size_t group = i / 32;
      float scale;
      std::uint32_t code = out.words[i / 8] >> (4 * (i % 8)) & 15u;
      if (q.model_dtype == DType::kF32) {
        std::memcpy(&scale, out.scales.data() + group * 4, 4);
        scale = bf16_to_f32(f32_to_bf16_mlc(scale));
      } else {
        std::uint16_t bits;
        std::memcpy(&bits, out.scales.data() + group * 2, 2);
        scale = q.model_dtype == DType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
      }
      float point = (static_cast<float>(code) - 7) * scale;
      equal += test::narrowed(c.source, point) == values[i] ? 1u : 0u;
      equal_in_model += out.computed[i] == test::narrowed(q.model_dtype, values[i]) ? 1u : 0u;
    }
    if (fewer_bits)
      EXPECT_EQ(equal, values.size());
    else
      EXPECT_EQ(equal_in_model, values.size());
    Quantized rtn = quantize(q, c.source, values, false);
    EXPECT_LE(out.counts.square_error, rtn.counts.square_error);
    cases++;
  }
  std::printf("%zu kinds of lattices, 2^20 values each, all kept\n", cases);
}

// Levels -7..7 with the largest in each group: mlc_llm's own codes lose nothing and stay.
TEST(LatticeSearch, WhatRtnKeepsStaysAsItIs) {
  const Quantization& q = *find_quantization("q4f16_1");
  Values values = make_lattice(DType::kF16, -7, 7, 4096, 5);
  for (std::size_t g = 0; g < values.size() / 32; g++) {
    // The scale that rtn stores, and its levels.
    float m = test::narrowed(DType::kF16, 0.001f * static_cast<float>(g + 1));
    float s = test::narrowed(DType::kF16, m / 7);
    for (std::size_t i = 0; i < 32; i++)
      values[g * 32 + i] =
          test::narrowed(DType::kF16, static_cast<float>(static_cast<int>((g + i) % 15) - 7) * s);
  }
  Quantized once = quantize(q, DType::kF16, values, false);
  ASSERT_TRUE(found(q, DType::kF16, once.computed));
  Quantized rtn = quantize(q, DType::kF16, once.computed, false);
  Quantized out = quantize(q, DType::kF16, once.computed, true);
  std::size_t lossless = 0;
  for (std::size_t g = 0; g < values.size() / 32; g++) {
    bool exact = true;
    for (std::size_t i = g * 32; i < g * 32 + 32; i++)
      exact &= rtn.computed[i] == once.computed[i];
    if (!exact) continue;
    lossless++;
    for (std::size_t i = g * 4; i < g * 4 + 4; i++)
      EXPECT_EQ(out.words[i], rtn.words[i]);
    EXPECT_EQ(out.scales.substr(g * 2, 2), rtn.scales.substr(g * 2, 2));
  }
  EXPECT_GT(lossless, values.size() / 32 * 9 / 10);
  EXPECT_EQ(out.computed, once.computed);
}

TEST(LatticeSearch, WeightsThatWereNeverQuantizedHaveNone) {
  const Quantization& q = *find_quantization("q4f16_1");
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    test::Random random(3);
    Values values(32);
    for (int n = 0; n < 20000; n++) {
      for (float& f : values)
        f = test::narrowed(dtype, random.gaussian() * 0.02f);
      EXPECT_FALSE(found(q, dtype, values));
    }
    // Uniform on 255 levels: what 8-bit formats leave.
    for (int n = 0; n < 20000; n++) {
      for (float& f : values)
        f = test::narrowed(dtype, (static_cast<float>(random.below(255)) - 127) * 0.001f);
      EXPECT_FALSE(found(q, dtype, values));
    }
  }
}

TEST(LatticeSearch, OneElementBesideTheLatticeIsEnough) {
  const Quantization& q = *find_quantization("q4f16_1");
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    Values values = as_stored(dtype, make_lattice(DType::kF16, -8, 7, 64, 17));
    ASSERT_TRUE(found(q, dtype, values));
    float m = 0;
    for (std::size_t i = 0; i < 32; i++)
      m = std::max(m, std::fabs(values[i]));
    for (float wrong : {m / 2 * 1.03f, m * 1.0625f * 1.5f, m / 16,
                        std::numeric_limits<float>::infinity(), std::nanf("")}) {
      Values changed = values;
      changed[7] = test::narrowed(dtype, wrong);
      EXPECT_FALSE(found(q, dtype, changed)) << wrong;
      // The other groups of such a block may be kept; this one is quantized as ever.
      Quantized out = quantize(q, dtype, changed, true);
      Quantized rtn = quantize(q, dtype, changed, false);
      EXPECT_EQ(out.words[0], rtn.words[0]);
      EXPECT_EQ(out.words[3], rtn.words[3]);
      EXPECT_EQ(out.scales.substr(0, 2), rtn.scales.substr(0, 2));
      EXPECT_EQ(out.counts.lattice_groups, 63u);
      EXPECT_EQ(out.counts.groups, 64u);
      EXPECT_EQ(out.counts.nan_values, rtn.counts.nan_values);
    }
  }
}

TEST(LatticeSearch, ZerosAreRtnsZeros) {
  const Quantization& q = *find_quantization("q4f16_1");
  Values zeros(1024);
  for (std::size_t i = 0; i < zeros.size(); i += 3)
    zeros[i] = -0.0f;
  EXPECT_TRUE(found(q, DType::kBF16, zeros));
  EXPECT_EQ(quantize(q, DType::kBF16, zeros, true), quantize(q, DType::kBF16, zeros, false));
}

// The scale of Q4_0 with its sign, not another that comes out equal.
TEST(LatticeSearch, FindsTheScaleThatWasMultiplied) {
  const Quantization& q = *find_quantization("q4f16_1");
  for (float d : {0.01171875f, -0.01171875f, f16_to_f32(0x2123), f16_to_f32(0xa123)}) {
    Values values;
    for (int i = 0; i < 256; i++)
      values.push_back(static_cast<float>(i % 16 - 8) * d);
    Quantized out = quantize(q, DType::kF32, values, true);
    std::uint16_t scale;
    std::memcpy(&scale, out.scales.data(), 2);
    EXPECT_EQ(f16_to_f32(scale), -d);
    EXPECT_EQ(out.words[0], 0x89abcdefu);
  }
}

TEST(LatticeSearch, SearchKeepsThemToo) {
  const Quantization& q = *find_quantization("q4f16_1");
  Values values = as_stored(DType::kF16, make_lattice(DType::kF16, -8, 7, 4096, 23));
  Quantized out = quantize(q, DType::kF16, values, true, group_quantize_search);
  EXPECT_EQ(out.counts.lattice_groups, out.counts.groups);
  EXPECT_EQ(out.counts.square_error, 0);
  EXPECT_GT(out.counts.rtn_square_error, 0);
  EXPECT_EQ(out.computed, values);
}

// A llama of one layer whose projections are of different kinds.
class LatticeConvert : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("mlc-lattice-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(folder_ / "config.json") << R"({"model_type": "llama", "hidden_size": 256,
      "intermediate_size": 512, "num_attention_heads": 4, "num_key_value_heads": 4,
      "num_hidden_layers": 1, "vocab_size": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
      "max_position_embeddings": 2048, "tie_word_embeddings": false})";
  }
  void TearDown() override { fs::remove_all(folder_); }

  void add(const std::string& name, std::size_t rows, std::size_t cols, DType dtype,
           const Values& values) {
    std::string bytes = bytes_of(dtype, values);
    std::string shape =
        rows ? std::to_string(rows) + "," + std::to_string(cols) : std::to_string(cols);
    ASSERT_EQ(values.size(), std::max<std::size_t>(rows, 1) * cols);
    std::string_view type = dtype == DType::kF32 ? "F32" : dtype == DType::kF16 ? "F16" : "BF16";
    header_ += (header_.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"" + std::string(type) +
               "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(data_.size()) +
               "," + std::to_string(data_.size() + bytes.size()) + "]}";
    data_ += bytes;
  }

  void write_checkpoint() {
    header_ += "}";
    header_.resize((header_.size() + 7) / 8 * 8, ' ');
    std::uint64_t size = header_.size();
    std::ofstream out(folder_ / "model.safetensors", std::ios::binary);
    out.write(reinterpret_cast<const char*>(&size), 8);
    out << header_ << data_;
  }

  struct Output {
    std::map<std::string, std::string> records;
    ConvertSummary summary;
  };
  Output convert(bool keep, unsigned threads, const std::string& method = "rtn",
                 const std::string& quantization = "q4f16_1") {
    ConvertOptions options;
    options.config = folder_.string();
    options.quantization = quantization;
    options.output = (folder_ / "out").string();
    options.overwrite = true;
    options.keep_lattices = keep;
    options.threads = threads;
    options.method = method;
    if (threads == 3) options.max_memory = 1;  // the smallest units
    SilentReporter reporter;
    Prepared prepared = prepare_conversion(options, reporter);
    Output output{.records = {}, .summary = run_conversion(options, prepared, reporter)};
    std::string shard = read_file(options.output + "/params_shard_0.bin", 1 << 28);
    for (const PlanStep& step : prepared.plan.steps)
      for (const PlanRecord& r : step.records)
        output.records[r.name] = shard.substr(r.offset, r.nbytes);
    return output;
  }

  fs::path folder_;
  std::string header_, data_;
};

TEST_F(LatticeConvert, TensorsOnALatticeAreKeptAndNoOthersTouched) {
  auto gaussian = [](std::size_t n, std::uint64_t seed) {
    test::Random random(seed);
    Values values(n);
    for (float& f : values)
      f = random.gaussian() * 0.02f;
    return values;
  };
  auto lattice = [](std::size_t n, std::uint64_t seed) {
    return make_lattice(DType::kF16, -8, 7, n / 32, seed);
  };
  const std::string layer = "model.layers.0.";
  Values norm(256, 1.0f);
  // Gaussian but for its first rows, and on the lattice but for one element.
  Values half = gaussian(512 * 256, 1);
  Values top = lattice(256 * 256, 2);
  std::copy(top.begin(), top.end(), half.begin());
  Values nearly = lattice(256 * 256, 3);
  Values noise = gaussian(256 * 256, 8);
  for (std::size_t i = 0; i < nearly.size(); i++)
    nearly[i] *= 1 + 0.3f * noise[i];
  // All of it, but for 32 of 2048 groups.
  Values most = lattice(256 * 256, 13);
  std::copy(noise.begin(), noise.begin() + 32 * 32, most.begin());
  Values zeros_first = lattice(256 * 512, 4);
  std::fill_n(zeros_first.begin(), 256 * 100, 0.0f);
  add("lm_head.weight", 512, 256, DType::kBF16, gaussian(512 * 256, 5));
  add("model.embed_tokens.weight", 512, 256, DType::kF16, half);
  add(layer + "input_layernorm.weight", 0, 256, DType::kBF16, norm);
  add(layer + "mlp.down_proj.weight", 256, 512, DType::kF16, zeros_first);
  Values gate = lattice(512 * 256, 6);
  add(layer + "mlp.gate_proj.weight", 512, 256, DType::kBF16, gate);
  Values up = lattice(512 * 256, 7);
  add(layer + "mlp.up_proj.weight", 512, 256, DType::kBF16, up);
  add(layer + "post_attention_layernorm.weight", 0, 256, DType::kBF16, norm);
  add(layer + "self_attn.k_proj.weight", 256, 256, DType::kF32, nearly);
  add(layer + "self_attn.o_proj.weight", 256, 256, DType::kF32, most);
  Values queries = lattice(256 * 256, 9);
  add(layer + "self_attn.q_proj.weight", 256, 256, DType::kF32, queries);
  add(layer + "self_attn.v_proj.weight", 256, 256, DType::kF32, gaussian(256 * 256, 10));
  add("model.norm.weight", 0, 256, DType::kBF16, norm);
  write_checkpoint();

  Output off = convert(false, 1);
  Output on = convert(true, 1);
  EXPECT_EQ(off.summary.execute.found_lattices, 0u);
  EXPECT_EQ(off.summary.execute.lossless_params, 0u);
  EXPECT_EQ(on.summary.execute.found_lattices, 5u);   // down, gate, up, q, o
  EXPECT_EQ(on.summary.execute.lossless_params, 2u);  // down_proj, gate_up_proj
  EXPECT_EQ(on.records.size(), off.records.size());
  for (const auto& [name, bytes] : on.records) {
    bool mixed = name.find("qkv_proj") != std::string::npos;
    bool almost = name.find("o_proj.q_") != std::string::npos;
    bool kept = mixed || almost || name.find("down_proj") != std::string::npos ||
                name.find("gate_up_proj") != std::string::npos;
    EXPECT_EQ(bytes == off.records.at(name), !kept) << name;
    if (almost) {
      std::size_t changed = bytes.size() / 64;
      EXPECT_EQ(bytes.substr(0, changed), off.records.at(name).substr(0, changed)) << name;
    }
    if (!mixed) continue;
    // The rows of k and v after those of q.
    std::size_t third = bytes.size() / 3;
    EXPECT_EQ(bytes.substr(third), off.records.at(name).substr(third)) << name;
    EXPECT_NE(bytes.substr(0, third), off.records.at(name).substr(0, third)) << name;
  }
  auto computed = [](const Output& o, const std::string& param, std::size_t rows,
                     std::size_t cols) {
    Values values(rows * cols);
    const std::string& words = o.records.at(param + ".q_weight");
    std::vector<std::uint32_t> codes(words.size() / 4);
    std::memcpy(codes.data(), words.data(), words.size());
    group_dequantize(*find_quantization("q4f16_1"), rows, cols, codes.data(),
                     o.records.at(param + ".q_scale").data(), values.data());
    return values;
  };
  EXPECT_EQ(computed(on, "model.layers.0.mlp.down_proj", 256, 512),
            as_stored(DType::kF16, zeros_first));
  Values qkv = computed(on, "model.layers.0.self_attn.qkv_proj", 768, 256);
  qkv.resize(queries.size());
  EXPECT_EQ(qkv, as_stored(DType::kF16, queries));
  // bfloat16 has lost bits of the lattice that float16 holds: rounded, the values are the file's.
  gate.insert(gate.end(), up.begin(), up.end());
  Values gate_up = computed(on, "model.layers.0.mlp.gate_up_proj", 1024, 256);
  std::size_t beside = 0;
  for (std::size_t i = 0; i < gate.size(); i++) {
    float w = test::narrowed(DType::kBF16, gate[i]);
    beside += std::fabs(gate_up[i] - w) <= std::fabs(w) * 0x1p-8f ? 0u : 1u;
  }
  EXPECT_EQ(beside, 0u);

  Output again = convert(true, 3);
  EXPECT_EQ(again.records, on.records);
  EXPECT_EQ(again.summary.execute.found_lattices, 5u);
  EXPECT_EQ(convert(true, 2, "search").summary.execute.lossless_params, 2u);
  // Schemes of three bits hold no such lattice.
  EXPECT_EQ(convert(true, 1, "rtn", "q3f16_1").summary.execute.found_lattices, 0u);
}

}  // namespace
}  // namespace mlc
