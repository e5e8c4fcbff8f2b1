// The executor against a naive path: every op as nested loops over indices, one element at a time.
#include "convert/execute.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/output_folder.h"
#include "quant_cases.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;
using Shape = std::vector<std::int64_t>;

std::vector<std::byte> bytes_of_values(DType dtype, std::size_t n, test::Random& random) {
  std::vector<std::byte> out(n * size_of(dtype));
  for (std::size_t i = 0; i < n; i++) {
    float f = random.gaussian();
    std::byte* to = out.data() + i * size_of(dtype);
    auto put = [&](auto value) { std::memcpy(to, &value, sizeof value); };
    if (dtype == DType::kF16) put(f32_to_f16(f));
    if (dtype == DType::kBF16) put(f32_to_bf16(f));
    if (dtype == DType::kF32) put(f);
    if (dtype == DType::kF64) put(static_cast<double>(f) * 1.0000001);
    if (dtype == DType::kI32) put(static_cast<std::int32_t>(f * 1000));
  }
  return out;
}

double value_at(DType dtype, const std::byte* p) {
  auto get = [&](auto value) {
    std::memcpy(&value, p, sizeof value);
    return value;
  };
  if (dtype == DType::kF16) return static_cast<double>(f16_to_f32(get(std::uint16_t{})));
  if (dtype == DType::kBF16) return static_cast<double>(bf16_to_f32(get(std::uint16_t{})));
  if (dtype == DType::kF32) return static_cast<double>(get(float{}));
  if (dtype == DType::kF64) return get(double{});
  return static_cast<double>(get(std::int32_t{}));
}

// One rounding of a double to a dtype, and back.
double rounded(DType dtype, double d) {
  if (dtype == DType::kF16) return static_cast<double>(f16_to_f32(f64_to_f16(d)));
  if (dtype == DType::kBF16) return static_cast<double>(bf16_to_f32(f64_to_bf16(d)));
  return static_cast<double>(static_cast<float>(d));
}

class Model {
 public:
  Model() {
    std::string name = (fs::temp_directory_path() / "mlc-execute-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    checkpoint.folder = folder_;
  }
  ~Model() { fs::remove_all(folder_); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  std::string tensor(DType dtype, const Shape& shape) {
    SourceTensor t{
        .name = "t" + std::to_string(checkpoint.tensors.size()), .dtype = dtype, .shape = shape};
    t.offset = data_.size();
    auto bytes = bytes_of_values(dtype, static_cast<std::size_t>(t.elements()), random_);
    t.nbytes = bytes.size();
    data_.insert(data_.end(), bytes.begin(), bytes.end());
    data_.push_back(std::byte{0xEE});  // nothing is aligned, and nothing may read too far
    checkpoint.tensors.push_back(t);
    return t.name;
  }

  void param(Op op, const Shape& shape, const std::vector<std::string>& sources, OpArgs args = {},
             ParamKind kind = ParamKind::kLinear) {
    std::string name = "p" + std::to_string(params.size()) + ".weight";
    ParamSpec spec;
    spec.name = name;
    spec.shape = shape;
    spec.kind = kind;
    spec.op = op;
    spec.args = args;
    spec.sources = sources;
    params.push_back(spec);
  }

  void finish() {
    std::string path = folder_ + "/data";
    write_file_atomically(path,
                          std::string(reinterpret_cast<const char*>(data_.data()), data_.size()));
    checkpoint.files.push_back({"data", std::make_shared<InputFile>(path), 0});
    checkpoint.build_lookup();
    Json c = Json::object();
    c.set("model_type", "llama").set("hidden_size", 64).set("intermediate_size", 96);
    c.set("num_attention_heads", 4).set("num_key_value_heads", 2).set("num_hidden_layers", 2);
    c.set("rms_norm_eps", 1e-5).set("vocab_size", 128).set("max_position_embeddings", 64);
    config = read_model_config(c, "config.json", "auto");
  }

  // Element (source, index) that lies at each place of the param.
  std::vector<double> naive(const ParamSpec& spec, DType target) const {
    std::vector<double> out;
    auto source = [&](std::size_t s) -> const SourceTensor& {
      return *checkpoint.find(spec.sources[s]);
    };
    auto take = [&](std::size_t s, std::int64_t index) {
      const SourceTensor& t = source(s);
      const std::byte* p =
          data_.data() + t.offset + static_cast<std::size_t>(index) * size_of(t.dtype);
      out.push_back(changed(spec, t.dtype, value_at(t.dtype, p), target));
    };
    const OpArgs& a = spec.args;
    std::int64_t cols = spec.shape.empty() ? 1 : spec.shape.back();
    auto row = [&](std::int64_t r) {
      for (std::int64_t c = 0; c < cols; c++)
        take(0, r * cols + c);
    };
    switch (spec.op) {
      case Op::kTranspose:
        for (std::int64_t r = 0; r < spec.shape[0]; r++)
          for (std::int64_t c = 0; c < spec.shape[1]; c++)
            take(0, c * spec.shape[0] + r);
        break;
      case Op::kSplitInterleavedQkv:
        for (std::int64_t p = 0; p < 3; p++)
          for (std::int64_t h = 0; h < a.heads; h++)
            for (std::int64_t d = 0; d < a.head_dim; d++)
              row((h * 3 + p) * a.head_dim + d);
        break;
      case Op::kSplitGroupedQkv:
        for (std::int64_t part = 0; part < 3; part++)
          for (std::int64_t g = 0; g < a.heads; g++)
            for (std::int64_t i = 0; i < (part == 0 ? a.queries : 1); i++)
              for (std::int64_t d = 0; d < a.head_dim; d++)
                row((g * (a.queries + 2) + (part == 0 ? i : a.queries + part - 1)) * a.head_dim +
                    d);
        break;
      case Op::kSplitGroups:  // the second and third of parts of 2, 3 and 4 rows
        for (std::int64_t part : {3, 4})
          for (std::int64_t g = 0; g < a.heads; g++)
            for (std::int64_t r = 0; r < part; r++)
              row(g * 9 + (part == 3 ? 2 : 5) + r);
        break;
      case Op::kDeinterleaveRows:
        for (std::int64_t e = 0; e < spec.shape[0]; e++)
          for (std::int64_t odd = 0; odd < 2; odd++)
            for (std::int64_t r = odd; r < spec.shape[1]; r += 2)
              row(e * spec.shape[1] + r);
        break;
      case Op::kDeinterleaveColumns:
        for (std::int64_t r = 0; r < source(0).elements() / cols; r++)
          for (std::int64_t odd = 0; odd < 2; odd++)
            for (std::int64_t c = odd; c < cols; c += 2)
              take(0, r * cols + c);
        break;
      case Op::kTransposeEach:
        for (std::int64_t e = 0; e < spec.shape[0]; e++)
          for (std::int64_t r = 0; r < spec.shape[1]; r++)
            for (std::int64_t c = 0; c < cols; c++)
              take(0, (e * cols + c) * spec.shape[1] + r);
        break;
      case Op::kTransposeDeinterleaved:
        for (std::int64_t e = 0; e < spec.shape[0]; e++)
          for (std::int64_t odd = 0; odd < 2; odd++)
            for (std::int64_t r = odd; r < spec.shape[1]; r += 2)
              for (std::int64_t c = 0; c < cols; c++)
                take(0, (e * cols + c) * spec.shape[1] + r);
        break;
      case Op::kMlaKvBK:
        for (std::int64_t h = 0; h < a.heads; h++)
          for (std::int64_t r = 0; r < spec.shape[1]; r++)
            for (std::int64_t n = 0; n < a.nope; n++)
              take(0, (h * (a.nope + a.value) + n) * spec.shape[1] + r);
        break;
      case Op::kMlaKvBV:
        for (std::int64_t h = 0; h < a.heads; h++)
          for (std::int64_t v = 0; v < a.value; v++)
            row(h * (a.nope + a.value) + a.nope + v);
        break;
      default:  // one source after the other
        for (std::size_t s = 0; s < spec.sources.size(); s++)
          for (std::int64_t i = 0; i < source(s).elements(); i++)
            take(s, i);
    }
    return out;
  }

  // The stored bytes of a step's records.
  std::vector<std::vector<std::byte>> expected(const PlanStep& step, const Quantization& q,
                                               const NumericRule& rule) const {
    DType target = step.quantized ? q.model_dtype : step.records[0].dtype;
    std::vector<double> values = naive(step.spec, target);
    if (!step.quantized) return {stored(target, values)};
    auto cols = static_cast<std::size_t>(step.spec.shape.back());
    std::size_t rows = values.size() / cols;
    std::vector<float> floats(values.size());
    for (std::size_t i = 0; i < values.size(); i++)
      floats[i] = static_cast<float>(rounded(target, values[i]));
    std::size_t words = words_per_row(q, cols);
    std::size_t groups = groups_per_row(q, cols);
    std::vector<std::uint32_t> codes(rows * words);
    std::vector<std::byte> scales(rows * groups * size_of(target));
    QuantCounts counts;
    group_quantize_reference(q, rule,
                             {.src = floats.data(),
                              .src_dtype = DType::kF32,
                              .rows = rows,
                              .cols = cols,
                              .q_weight = codes.data(),
                              .q_scale = scales.data()},
                             false, counts);
    std::vector<double> scale_values;
    for (std::size_t i = 0; i < rows * groups; i++)
      scale_values.push_back(value_at(target, scales.data() + i * size_of(target)));
    if (step.packed_kn) {
      codes = turned(codes, rows, words);
      scale_values = turned(scale_values, rows, groups);
    }
    std::vector<std::byte> code_bytes(codes.size() * 4);
    std::memcpy(code_bytes.data(), codes.data(), code_bytes.size());
    return {code_bytes, stored(target, scale_values)};
  }

  // Runs the plan, and compares every record with the naive path.
  void check(std::string_view quantization, unsigned threads, std::uint64_t max_memory) {
    const Quantization& q = *find_quantization(quantization);
    const NumericRule& rule = *find_numeric_rule("mlc-2026");
    Plan plan = build_plan(checkpoint, config, params, q);
    ASSERT_EQ(plan.steps.size(), params.size());
    OutputFolder folder(folder_ + "/out", false);
    ShardStore store(folder, plan.shard_sizes, "id", false);
    store.start();
    SilentReporter reporter;
    ExecuteResult result = execute_plan(
        plan, checkpoint,
        {.rule = &rule, .quantizer = group_quantize, .threads = threads, .max_memory = max_memory},
        store, reporter);
    ASSERT_EQ(result.md5.size(), plan.shard_sizes.size());
    std::vector<std::string> shards;
    for (std::size_t s = 0; s < plan.shard_sizes.size(); s++) {
      shards.push_back(read_file(folder.partial_path(shard_name(s)), 1 << 30));
      Md5 md5;
      md5.update(std::as_bytes(std::span(shards[s])));
      EXPECT_EQ(hex(md5.finish()), result.md5[s]);
    }
    for (const PlanStep& step : plan.steps) {
      auto wanted = expected(step, q, rule);
      ASSERT_EQ(wanted.size(), step.records.size());
      for (std::size_t r = 0; r < wanted.size(); r++) {
        const PlanRecord& record = step.records[r];
        ASSERT_EQ(record.nbytes, wanted[r].size()) << record.name;
        std::string_view written(shards[record.shard]);
        std::string_view naive(reinterpret_cast<const char*>(wanted[r].data()), wanted[r].size());
        EXPECT_TRUE(written.substr(record.offset, record.nbytes) == naive)
            << op_name(step.spec.op) << " " << shape_text(step.spec.shape) << " " << record.name
            << " " << quantization << " threads " << threads;
        records_++;
      }
    }
  }

  Checkpoint checkpoint;
  ModelConfig config;
  std::vector<ParamSpec> params;
  std::size_t records_ = 0;

 private:
  static double changed(const ParamSpec& spec, DType from, double x, DType target) {
    if (spec.op == Op::kAddOne) return from == DType::kF64 ? x + 1.0 : rounded(from, x + 1.0);
    if (spec.op == Op::kAddOneF32) return rounded(DType::kF32, rounded(DType::kF32, x) + 1.0);
    if (spec.op == Op::kDivPow2)
      return rounded(target,
                     rounded(target, x) / std::pow(2.0, static_cast<double>(spec.args.exponent)));
    if (spec.op == Op::kExpNegExp)
      return static_cast<double>(std::exp(-std::exp(static_cast<float>(x))));
    return x;
  }
  static std::vector<std::byte> stored(DType dtype, const std::vector<double>& values) {
    std::vector<std::byte> out;
    for (double d : values) {
      std::uint16_t h = dtype == DType::kF16    ? f64_to_f16(d)
                        : dtype == DType::kBF16 ? f64_to_bf16(d)
                                                : f32_to_bf16_mlc(static_cast<float>(d));
      for (unsigned byte : {h & 0xFFu, static_cast<unsigned>(h >> 8)})
        out.push_back(static_cast<std::byte>(byte));
    }
    return out;
  }
  template <class T>
  static std::vector<T> turned(const std::vector<T>& in, std::size_t rows, std::size_t cols) {
    std::vector<T> out(in.size());
    for (std::size_t r = 0; r < rows; r++)
      for (std::size_t c = 0; c < cols; c++)
        out[c * rows + r] = in[r * cols + c];
    return out;
  }

  std::string folder_;
  std::vector<std::byte> data_;
  test::Random random_{7};
};

constexpr DType kDTypes[] = {DType::kBF16, DType::kF16, DType::kF32, DType::kF64, DType::kI32};

// The other schemes are recomputed in tests/unit/scheme_execute_test.cc.
bool is_plain(const Quantization& q) {
  return q.kind == QuantKind::kNone || q.kind == QuantKind::kGroup;
}

// Every op, with odd sizes and every source dtype.
void add_every_op(Model& m) {
  for (DType d : kDTypes) {
    m.param(Op::kCopy, {37, 101}, {m.tensor(d, {37, 101})});
    m.param(Op::kCopy, {37, 101}, {m.tensor(d, {37, 101})}, {}, ParamKind::kNorm);
    m.param(Op::kCopy, {19}, {m.tensor(d, {19})}, {}, ParamKind::kNorm);
    m.param(Op::kCopy, {3, 5, 7}, {m.tensor(d, {3, 5, 7})}, {}, ParamKind::kConv);
    m.param(Op::kTranspose, {45, 70}, {m.tensor(d, {70, 45})});
    m.param(Op::kTranspose, {45, 70}, {m.tensor(d, {70, 45})}, {}, ParamKind::kRaw);
    m.param(Op::kSplitInterleavedQkv, {3 * 5 * 6, 33}, {m.tensor(d, {90, 33})},
            {.heads = 5, .head_dim = 6});
    m.param(Op::kSplitGroupedQkv, {3 * 6 * 5, 41}, {m.tensor(d, {90, 41})},
            {.heads = 3, .head_dim = 5, .queries = 4});
    m.param(Op::kSplitGroups, {7 * 7, 33}, {m.tensor(d, {63, 33})},
            {.heads = 7, .parts = {2, 3, 4}, .first_part = 1, .part_count = 2});
    m.param(Op::kDeinterleaveColumns, {5, 14}, {m.tensor(d, {5, 14})}, {}, ParamKind::kRaw);
    OpArgs mla{.heads = 3, .nope = 7, .value = 5};
    m.param(Op::kMlaKvBK, {3, 34, 7}, {m.tensor(d, {36, 34})}, mla, ParamKind::kRaw);
    m.param(Op::kMlaKvBV, {3, 5, 34}, {m.tensor(d, {36, 34})}, mla, ParamKind::kRaw);
  }
  m.param(Op::kConcat, {50, 65},
          {m.tensor(DType::kF16, {20, 65}), m.tensor(DType::kBF16, {1, 65}),
           m.tensor(DType::kF32, {9, 65}), m.tensor(DType::kF64, {13, 65}),
           m.tensor(DType::kI32, {7, 65})});
  m.param(Op::kConcat, {9}, {m.tensor(DType::kF16, {4}), m.tensor(DType::kBF16, {5})}, {},
          ParamKind::kLinearBias);
  for (DType d : {DType::kBF16, DType::kF16, DType::kF32, DType::kF64}) {
    m.param(Op::kAddOne, {77}, {m.tensor(d, {77})}, {}, ParamKind::kNorm);
    m.param(Op::kAddOneF32, {77}, {m.tensor(d, {77})}, {}, ParamKind::kNorm);
    m.param(Op::kDivPow2, {33, 65}, {m.tensor(d, {33, 65})}, {.exponent = 3});
    m.param(Op::kDivPow2, {33, 65}, {m.tensor(d, {33, 65})}, {.exponent = 6}, ParamKind::kRaw);
    m.param(Op::kExpNegExp, {4, 9}, {m.tensor(d, {4, 9})}, {}, ParamKind::kRaw);
  }
}

void add_experts(Model& m) {
  for (ParamKind kind : {ParamKind::kExperts, ParamKind::kRaw}) {
    std::vector<std::string> single;
    std::vector<std::string> pairs;
    for (int e = 0; e < 3; e++) {
      single.push_back(m.tensor(kDTypes[e], {13, 45}));
      pairs.push_back(m.tensor(kDTypes[e], {6, 45}));
      pairs.push_back(m.tensor(kDTypes[e + 1], {6, 45}));
    }
    m.param(Op::kStack, {3, 13, 45}, single, {}, kind);
    m.param(Op::kStackOfConcat, {3, 12, 45}, pairs, {}, kind);
    for (DType d : kDTypes) {
      m.param(Op::kDeinterleaveRows, {3, 26, 45}, {m.tensor(d, {3, 26, 45})}, {}, kind);
      m.param(Op::kTransposeEach, {3, 26, 45}, {m.tensor(d, {3, 45, 26})}, {}, kind);
      m.param(Op::kTransposeDeinterleaved, {3, 26, 45}, {m.tensor(d, {3, 45, 26})}, {}, kind);
    }
  }
}

TEST(Execute, EveryOpEqualsTheNaivePath) {
  Model m;
  add_every_op(m);
  m.finish();
  for (const Quantization& q : quantizations())
    for (unsigned threads : {1u, 3u, 8u})
      if (is_plain(q)) m.check(q.name, threads, threads == 3 ? 1 : std::uint64_t{256} << 20);
  std::printf("%zu records equal\n", m.records_);
}

TEST(Execute, ExpertsEqualTheNaivePath) {
  Model m;
  add_experts(m);
  m.finish();
  for (const Quantization& q : quantizations())
    if (is_plain(q) && q.layout == WeightLayout::kNK)
      for (unsigned threads : {1u, 2u, 5u})
        m.check(q.name, threads, 1);
}

// Blocks are at least 64 KiB: these params are cut into many.
TEST(Execute, ManyUnitsEqualTheNaivePath) {
  Model m;
  m.param(Op::kCopy, {3001, 97}, {m.tensor(DType::kBF16, {3001, 97})});
  m.param(Op::kCopy, {40001}, {m.tensor(DType::kF32, {40001})}, {}, ParamKind::kNorm);
  m.param(Op::kConcat, {1500, 130},
          {m.tensor(DType::kF32, {700, 130}), m.tensor(DType::kBF16, {799, 130}),
           m.tensor(DType::kF16, {1, 130})});
  m.param(Op::kTranspose, {301, 455}, {m.tensor(DType::kF32, {455, 301})});
  m.param(Op::kCopy, {2, 70001}, {m.tensor(DType::kBF16, {2, 70001})});
  m.param(Op::kSplitGroupedQkv, {8 * 6 * 20, 128}, {m.tensor(DType::kF16, {960, 128})},
          {.heads = 8, .head_dim = 20, .queries = 4});
  m.param(Op::kDeinterleaveRows, {3, 700, 96}, {m.tensor(DType::kF32, {3, 700, 96})}, {},
          ParamKind::kRaw);
  m.finish();
  for (const char* q : {"q4f16_1", "q4f16_0", "q3f16_0", "q4f32_1", "q0f32"})
    for (unsigned threads = 1; threads <= 8; threads += threads < 4 ? 1 : 4)
      m.check(q, threads, threads % 2 ? 1 : std::uint64_t{128} << 20);
}

TEST(Execute, EmptyAndScalarParams) {
  Model m;
  m.param(Op::kCopy, {}, {m.tensor(DType::kF32, {})}, {}, ParamKind::kRaw);
  m.param(Op::kCopy, {0, 64}, {m.tensor(DType::kBF16, {0, 64})}, {}, ParamKind::kRaw);
  m.param(Op::kCopy, {1, 1}, {m.tensor(DType::kF16, {1, 1})});
  m.param(Op::kCopy, {4, 0}, {m.tensor(DType::kF16, {4, 0})}, {}, ParamKind::kRaw);
  m.finish();
  for (const char* q : {"q4f16_1", "q4f16_0", "q0f32"})
    m.check(q, 2, 1);
}

TEST(Execute, AShardOfNothingIsWrittenAndHashed) {
  Model m;
  m.param(Op::kCopy, {0, 64}, {m.tensor(DType::kBF16, {0, 64})}, {}, ParamKind::kRaw);
  m.finish();
  m.check("q0f16", 3, 1);
}

}  // namespace
}  // namespace mlc
