// The params of folders of every scheme: against their sources, and against formulas of the packed
// formats written out here.
#include "verify/param_values.h"

#include <cmath>

#include "base/error.h"
#include "convert/source_rows.h"
#include "tests/unit/model_folder.h"

namespace mlc {
namespace {

class ParamValues : public ModelFolderTest {
 protected:
  static std::vector<float> values(ParamReader& reader, const FolderParam& param) {
    std::vector<float> out(param.elements());
    reader.read(param, 0, param.rows, out);
    return out;
  }

  // Ranges of rows are what the whole is.
  static void expect_ranges(ParamReader& reader, const FolderParam& param) {
    std::vector<float> whole = values(reader, param);
    std::mt19937 random(7);
    for (int i = 0; i < 4; i++) {
      auto at = [&] { return static_cast<std::int64_t>(random() % std::uint64_t(param.rows + 1)); };
      std::int64_t a = at();
      std::int64_t b = at();
      std::int64_t first = std::min(a, b);
      std::vector<float> part(static_cast<std::size_t>((std::max(a, b) - first) * param.cols));
      reader.read(param, first, std::max(a, b) - first, part);
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first * param.cols))
          << param.name << " from " << first;
    }
  }
};

double relative_mse(std::span<const float> got, std::span<const float> want) {
  double error = 0;
  double weight = 0;
  for (std::size_t i = 0; i < want.size(); i++) {
    error += std::pow(double{got[i]} - double{want[i]}, 2);
    weight += std::pow(double{want[i]}, 2);
  }
  return error / weight;
}

// What normal weights lose, at most. Any wrong order of rows, columns or codes gives about 2.
double bound_of(const Quantization& q) {
  switch (q.kind) {
    case QuantKind::kNone:
      return 1e-5;
    case QuantKind::kGroup:
      return q.bits == 4 ? 0.012 : 0.06;
    case QuantKind::kFt:
      return 0.02;
    default:
      return q.weight_dtype == DType::kF8E4M3FN ? 0.001 : 0.005;
  }
}

TEST_F(ParamValues, AreNearTheirSourceInEveryScheme) {
  int params = 0;
  for (const Quantization& q : quantizations()) {
    if (keeps_packed(q)) continue;
    SCOPED_TRACE(q.name);
    make_checkpoint(small_llama(), q, DType::kBF16);
    ConvertOptions options = options_for(q.name, checkpoint_path());
    ParamFolder folder(make_model(options));
    EXPECT_TRUE(folder.troubles().empty());
    EXPECT_TRUE(folder.strays().empty());
    SilentReporter silent;
    Prepared prepared = prepare_conversion(options, silent);
    SourceRows rows(prepared.checkpoint);
    ParamReader reader(folder);
    ASSERT_EQ(folder.params().size(), prepared.plan.steps.size());
    for (const PlanStep& step : prepared.plan.steps) {
      const FolderParam* param = folder.find(step.spec.name);
      ASSERT_NE(param, nullptr) << step.spec.name;
      EXPECT_EQ(param->shape, step.transform.shape);
      EXPECT_EQ(param->quantized(), step.quantized) << param->name;
      std::vector<float> want(param->elements());
      rows.read(step, 0, step.transform.rows, want);
      EXPECT_LE(relative_mse(values(reader, *param), want), bound_of(q)) << param->name;
      expect_ranges(reader, *param);
      params++;
    }
  }
  std::printf("%d params compared\n", params);
}

TEST_F(ParamValues, OfAwqAreCodesLessZeroPointsTimesScales) {
  const Quantization& q = *find_quantization("q4f16_autoawq");
  PlainTensors tensors =
      make_checkpoint(small_llama(R"(, "quantization_config": {"quant_method": "awq", "bits": 4,
                     "group_size": 128, "version": "gemm", "zero_point": true})"),
                      q, DType::kF16);
  ParamFolder folder(make_model(q.name));
  EXPECT_TRUE(folder.troubles().empty());
  ParamReader reader(folder);
  const FolderParam* param = folder.find("model.layers.1.mlp.down_proj.weight");
  ASSERT_NE(param, nullptr);
  EXPECT_EQ(param->shape, (std::vector<std::int64_t>{128, 256}));
  EXPECT_EQ(param->form, ParamForm::kAwq);
  const std::string module = "model.layers.1.mlp.down_proj.";
  std::vector<float> got = values(reader, *param);
  auto nibble = [&](const char* name, std::int64_t line, std::int64_t out) {
    const PlainTensor& t = tensors.at(module + name);
    // The eight codes of a word are columns 0, 2, 4, 6, 1, 3, 5, 7.
    std::int64_t place = out % 8 % 2 * 4 + out % 8 / 2;
    auto word =
        static_cast<std::uint32_t>(t.values[static_cast<std::size_t>(line * t.shape[1] + out / 8)]);
    return static_cast<int>(word >> (4 * place) & 15u);
  };
  for (std::int64_t out = 0; out < 128; out++)
    for (std::int64_t in = 0; in < 256; in++) {
      double scale =
          tensors.at(module + "scales").values[static_cast<std::size_t>(in / 128 * 128 + out)];
      double want = (nibble("qweight", in, out) - nibble("qzeros", in / 128, out)) * scale;
      ASSERT_EQ(got[static_cast<std::size_t>(out * 256 + in)], static_cast<float>(want))
          << out << " " << in;
    }
  for (const FolderParam& each : folder.params())
    expect_ranges(reader, each);
}

TEST_F(ParamValues, OfBlockScalesAreCodesTimesTheScaleOfTheirBlock) {
  for (const Quantization& q : quantizations()) {
    if (q.kind != QuantKind::kBlockScale || q.static_activation) continue;
    SCOPED_TRACE(q.name);
    PlainTensors tensors = make_checkpoint(
        small_llama(R"(, "quantization_config": {"quant_method": "fp8", "fmt": "e4m3",
                       "activation_scheme": "dynamic", "weight_block_size": [16, 48]})"),
        q, DType::kBF16);
    ParamFolder folder(make_model(q.name), checkpoint_path());
    EXPECT_TRUE(folder.troubles().empty());
    ParamReader reader(folder);
    const std::string name = "model.layers.2.mlp.down_proj.weight";
    const FolderParam* param = folder.find(name);
    ASSERT_NE(param, nullptr);
    EXPECT_EQ(param->form, ParamForm::kBlockScale);
    std::vector<float> got = values(reader, *param);
    const PlainTensor& codes = tensors.at(name);
    const PlainTensor& scales = tensors.at(name + "_scale_inv");
    ASSERT_EQ(scales.shape, (std::vector<std::int64_t>{8, 6}));
    for (std::size_t i = 0; i < got.size(); i++) {
      float scale = bf16_to_f32(
          f32_to_bf16_mlc(static_cast<float>(scales.values[i / 256 / 16 * 6 + i % 256 / 48])));
      float want = fp8_to_f32(static_cast<std::uint8_t>(codes.values[i]), DType::kF8E4M3FN) * scale;
      if (std::isnan(want))
        ASSERT_TRUE(std::isnan(got[i])) << i;
      else
        ASSERT_EQ(got[i], want) << i;
    }
  }
}

// Another config than the weights', a record under another name, a shard that is gone.
TEST_F(ParamValues, SayWhatDoesNotFit) {
  const Quantization& q = *find_quantization("q4f16_1");
  make_checkpoint(small_llama(), q, DType::kBF16);
  std::string model = make_model(q.name);
  std::string path = model + "/mlc-chat-config.json";
  std::string chat = read_file(path, 1 << 20);
  std::string wrong = chat;
  const std::string width = "\"intermediate_size\": 256";
  wrong.replace(wrong.find(width), width.size(), "\"intermediate_size\": 288");
  std::ofstream(path) << wrong;
  ParamFolder other(model);
  // Codes and scales of two params of four layers.
  ASSERT_EQ(other.troubles().size(), 16u);
  EXPECT_EQ(other.troubles()[0].found, "uint32 [512, 16]");
  EXPECT_EQ(other.troubles()[0].expected, "uint32 [576, 16]");
  EXPECT_EQ(other.find("model.layers.0.mlp.down_proj.weight"), nullptr);
  std::ofstream(path) << chat;
  std::string index = model + "/tensor-cache.json";
  std::string text = read_file(index, 1 << 20);
  text.replace(text.find("model.norm.weight"), 10, "model.nork");
  std::ofstream(index) << text;
  ParamFolder renamed(model);
  ASSERT_EQ(renamed.troubles().size(), 1u);
  EXPECT_EQ(renamed.troubles()[0].name, "model.norm.weight");
  EXPECT_EQ(renamed.strays(), std::vector<std::string>{"model.nork.weight"});
  ASSERT_NE(renamed.find("model.nork.weight"), nullptr);
  EXPECT_EQ(renamed.find("model.layers.3.mlp.down_proj.weight")->layer, 3);
  EXPECT_EQ(renamed.find("model.layers.3.mlp.down_proj.weight")->kind,
            "model.layers.*.mlp.down_proj.weight");
  std::filesystem::remove(model + "/params_shard_0.bin");
  EXPECT_THROW(ParamFolder{model}, Error);
}

}  // namespace
}  // namespace mlc
