// SourceRows against tests/unit/plain_path.h on a small checkpoint of every model type: whole
// params and ranges of rows, from plain tensors and through readers.
#include "convert/source_rows.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "convert/kept_params.h"
#include "models/models.h"
#include "models/registry.h"
#include "tests/unit/plain_path.h"
#include "tests/unit/source_shapes.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

// The elements of a plain tensor, given only as ElementReader allows to ask for them.
class StrictReader : public ElementReader {
 public:
  StrictReader(std::shared_ptr<InputFile> file, SourceTensor tensor)
      : file_(std::move(file)), tensor_(std::move(tensor)) {}
  void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const override {
    std::int64_t unit =
        tensor_.shape.size() < 2 ? kElementAlignment : std::int64_t{tensor_.shape.back()};
    EXPECT_EQ(first % unit, 0) << tensor_.name;
    EXPECT_TRUE(count % unit == 0 || first + count == tensor_.elements()) << tensor_.name;
    EXPECT_LE(first + count, tensor_.elements()) << tensor_.name;
    EXPECT_EQ(out.size(), static_cast<std::size_t>(count) * size_of(tensor_.dtype));
    file_->read(tensor_.offset + static_cast<std::uint64_t>(first) * size_of(tensor_.dtype), out);
  }
  std::uint64_t scratch_bytes(std::int64_t) const override { return 0; }

 private:
  std::shared_ptr<InputFile> file_;
  SourceTensor tensor_;
};

class SourceRowsTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ =
        (fs::temp_directory_path() / ("mlc-source-rows-" + std::to_string(::getpid()))).string();
  }
  void TearDown() override { fs::remove(path_); }

  // Random tensors for all params, of float16, bfloat16 and float32 in turn.
  void make_checkpoint(const std::vector<ParamSpec>& specs) {
    plain_.clear();
    checkpoint_ = Checkpoint();
    std::string data;
    std::normal_distribution<double> normal(0, 0.1);
    unsigned turn = 0;
    for (const ParamSpec& spec : specs) {
      const DType dtypes[] = {DType::kBF16, DType::kF16, DType::kF32};
      DType dtype = dtypes[turn++ % 3];
      // In another dtype the sum would round where SourceRows keeps it.
      if (spec.op == Op::kAddOne) dtype = DType::kF32;
      for (std::size_t i = 0; i < spec.sources.size(); i++) {
        PlainTensor& tensor = plain_[spec.sources[i]];
        if (!tensor.shape.empty()) continue;
        tensor.dtype = dtype;
        tensor.shape = source_shape(spec, i);
        SourceTensor source{
            .name = spec.sources[i], .dtype = dtype, .shape = tensor.shape, .offset = data.size()};
        for (std::int64_t k = 0; k < source.elements(); k++) {
          tensor.values.push_back(rounded(normal(random_), dtype));
          append_element(data, tensor.values.back(), dtype);
        }
        source.nbytes = data.size() - source.offset;
        checkpoint_.tensors.push_back(source);
      }
    }
    std::ofstream(path_, std::ios::binary) << data;
    checkpoint_.files.push_back({"data", std::make_shared<InputFile>(path_), 0});
    checkpoint_.build_lookup();
  }

  void use_readers() {
    for (SourceTensor& tensor : checkpoint_.tensors)
      tensor.reader = std::make_shared<StrictReader>(checkpoint_.files[0].file, tensor);
  }

  std::vector<float> expected(const PlanStep& step) const {
    std::vector<const PlainTensor*> sources;
    for (const std::string& name : step.spec.sources)
      sources.push_back(&plain_.at(name));
    std::vector<float> values;
    for (double value : plain_elements(step.spec, sources)) {
      if (step.spec.op == Op::kDivPow2)
        value = std::ldexp(value, -static_cast<int>(step.spec.args.exponent));
      values.push_back(static_cast<float>(value));
    }
    return values;
  }

  void expect_rows(SourceRows& rows, const PlanStep& step) {
    std::vector<float> want = expected(step);
    const Transform& t = step.transform;
    ASSERT_EQ(want.size(), static_cast<std::size_t>(t.rows * t.cols)) << step.spec.name;
    auto expect_range = [&](std::int64_t first, std::int64_t count) {
      std::vector<float> got(static_cast<std::size_t>(count * t.cols), -99.0f);
      rows.read(step, first, count, got);
      auto from = want.begin() + first * t.cols;
      EXPECT_TRUE(std::equal(got.begin(), got.end(), from))
          << step.spec.name << " rows " << first << " to " << first + count;
    };
    expect_range(0, t.rows);
    expect_range(t.rows - 1, 1);
    for (int i = 0; i < 3; i++) {
      auto at = [&] { return static_cast<std::int64_t>(random_() % std::uint64_t(t.rows + 1)); };
      std::int64_t a = at();
      std::int64_t b = at();
      expect_range(std::min(a, b), std::max(a, b) - std::min(a, b));
    }
  }

  std::string path_;
  PlainTensors plain_;
  Checkpoint checkpoint_;
  std::mt19937 random_{1};
};

TEST_F(SourceRowsTest, AreWhatThePlainPathGivesForEveryArchitecture) {
  std::set<std::string_view> types;
  std::set<Op> ops;
  int params = 0;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(MLC_TEST_DATA) / "data" / "configs"))
    if (entry.path().extension() == ".json" && !entry.path().stem().has_extension())
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    SCOPED_TRACE(file.string());
    std::string stem = file.stem().string();
    ModelConfig config = load_model_config(
        file.string(), find_architecture(stem) != nullptr ? std::string_view(stem) : "auto");
    if (!types.insert(config.model_type()).second) continue;
    std::vector<ParamSpec> specs = expand_params(config, "no-quant");
    make_checkpoint(specs);
    Plan plan = build_plan(checkpoint_, config, specs, *find_quantization("q0f32"));
    for (bool readers : {false, true}) {
      if (readers) use_readers();
      SourceRows rows(checkpoint_);
      for (const PlanStep& step : plan.steps) {
        expect_rows(rows, step);
        ops.insert(step.spec.op);
        params++;
      }
    }
  }
  std::printf("%d params of %zu model types, %zu ops\n", params, types.size(), ops.size());
  EXPECT_GE(ops.size(), 15u);
}

// More rows than are read at a time, of one dimension and of two, turned and not.
TEST_F(SourceRowsTest, GoOnFromPieceToPiece) {
  auto spec = [](const std::string& name, Op op, std::vector<std::int64_t> shape) {
    ParamSpec s;
    s.name = name;
    s.op = op;
    s.shape = std::move(shape);
    s.sources = {name};
    return s;
  };
  std::vector<ParamSpec> specs = {
      spec("vector", Op::kCopy, {300'001}), spec("matrix", Op::kCopy, {700, 513}),
      spec("turned", Op::kTranspose, {700, 513}), spec("wide", Op::kTranspose, {150'000, 3})};
  specs.push_back(spec("split", Op::kSplitInterleavedQkv, {3 * 2 * 3000}));
  specs.back().args.heads = 2;
  specs.back().args.head_dim = 3000;
  ModelConfig config = load_model_config(
      (fs::path(MLC_TEST_DATA) / "data" / "configs" / "llama.json").string(), "auto");
  make_checkpoint(specs);
  Plan plan = build_plan(checkpoint_, config, specs, *find_quantization("q0f16"));
  for (bool readers : {false, true}) {
    if (readers) use_readers();
    SourceRows rows(checkpoint_);
    for (const PlanStep& step : plan.steps)
      expect_rows(rows, step);
  }
}

}  // namespace
}  // namespace mlc
