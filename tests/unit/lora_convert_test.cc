// Adapters through the whole program: a merged weight is W + scaling B A, computed in float64 and
// rounded once, within one unit in the last place of the target dtype; what is quantized is that.
#include <cmath>
#include <cstdio>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/reporter.h"
#include "convert/convert.h"
#include "tests/unit/packed_model.h"

namespace mlc {
namespace {

constexpr std::int64_t kRank = 4;
const std::string kLayer = "model.layers.0.";

struct Adapter {
  std::vector<std::string> targets;  // modules
  double alpha = 8;
  bool rslora = false;
  DType dtype = DType::kF32;
};

// Writes it beside the model, with lm_head in modules_to_save, and applies it to `tensors`.
void write_adapter(const test::fs::path& folder, const Adapter& adapter, PlainTensors& tensors) {
  test::Random random(11);
  std::vector<test::Stored> file;
  auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    test::Stored stored{
        "base_model.model." + name, std::string(info(adapter.dtype).safetensors), {rows, cols}, ""};
    std::vector<double> values;
    for (std::int64_t i = 0; i < rows * cols; i++) {
      values.push_back(rounded(0.1 * static_cast<double>(random.gaussian()), adapter.dtype));
      append_element(stored.bytes, values.back(), adapter.dtype);
    }
    file.push_back(stored);
    return values;
  };
  double scaling =
      adapter.alpha / (adapter.rslora ? std::sqrt(double{kRank}) : static_cast<double>(kRank));
  Json modules = Json::array();
  for (const std::string& target : adapter.targets) {
    PlainTensor& w = tensors.at(target + ".weight");
    auto rows = static_cast<std::size_t>(w.shape[0]);
    auto cols = static_cast<std::size_t>(w.shape[1]);
    std::vector<double> a = matrix(target + ".lora_A.weight", kRank, w.shape[1]);
    std::vector<double> b = matrix(target + ".lora_B.weight", w.shape[0], kRank);
    for (std::size_t r = 0; r < rows; r++)
      for (std::size_t c = 0; c < cols; c++) {
        double sum = 0;
        for (std::size_t k = 0; k < kRank; k++)
          sum += b[r * kRank + k] * a[k * cols + c];
        w.values[r * cols + c] += scaling * sum;
      }
    modules.push(target.substr(target.rfind('.') + 1));
  }
  PlainTensor& head = tensors.at("lm_head.weight");
  head.values = matrix("lm_head.weight", head.shape[0], head.shape[1]);
  test::write_safetensors(folder / "adapter_model.safetensors", file);
  Json saved = Json::array();
  saved.push("lm_head");
  Json config = Json::object();
  config.set("peft_type", "LORA").set("r", kRank).set("lora_alpha", adapter.alpha);
  config.set("use_rslora", adapter.rslora).set("target_modules", modules);
  config.set("modules_to_save", saved);
  write_file_atomically((folder / "adapter_config.json").string(), dump_json(config));
}

// The distance between neighbours of dtype at `value`.
double ulp_at(double value, DType dtype) {
  int digits = dtype == DType::kF16 ? 10 : 7;
  int lowest = dtype == DType::kF16 ? -14 : -126;
  int exponent = value == 0 ? lowest : std::max(std::ilogb(value), lowest);
  return std::ldexp(1.0, exponent - digits);
}

struct Counts {
  std::size_t equal = 0;
  std::size_t within = 0;  // one unit off
};

// Converts with the adapter to a scheme without quantization and to q4f16_1.
Counts expect_merged(const test::fs::path& folder, const PlainTensors& tensors, bool packed) {
  Counts counts;
  std::map<std::string, std::vector<double>> halves;  // of q0f16
  std::set<std::string> far;                          // params with a larger error
  for (const char* scheme : {"q0f16", "q0bf16", "q0f32", "q4f16_1"}) {
    SCOPED_TRACE(scheme);
    // Groups of a packed base that no adapter touches are taken over without loss instead.
    if (packed && std::string_view(scheme) == "q4f16_1") continue;
    const Quantization& q = *find_quantization(scheme);
    ConvertOptions options;
    options.config = folder.string();
    options.lora_adapter = folder.string();
    options.source = (folder / "model.safetensors").string();
    options.quantization = scheme;
    options.output = (folder / scheme).string();
    SilentReporter reporter;
    Prepared prepared = prepare_conversion(options, reporter);
    run_conversion(options, prepared, reporter);
    std::map<std::string, std::string> records = test::read_records(options.output);
    for (const PlanStep& step : prepared.plan.steps) {
      if (q.kind != QuantKind::kNone) {
        // What is quantized is what q0f16 holds.
        for (const auto& [name, bytes] : plain_param(step.spec, halves.at(step.spec.name), q))
          EXPECT_TRUE(records.at(name) == bytes) << name;
        continue;
      }
      DType stored = q.model_dtype == DType::kF32 ? DType::kBF16 : q.model_dtype;
      std::vector<const PlainTensor*> sources;
      for (const std::string& name : step.spec.sources)
        sources.push_back(&tensors.at(name));
      std::vector<double> want = plain_elements(step.spec, sources);
      const std::string& bytes = records.at(step.spec.name);
      EXPECT_EQ(bytes.size(), want.size() * 2);
      for (std::size_t i = 0; i < want.size(); i++) {
        auto bits = load_element<std::uint16_t>(bytes.data(), i);
        auto got =
            static_cast<double>(stored == DType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits));
        if (q.name == "q0f16") halves[step.spec.name].push_back(got);
        double once = rounded(want[i], stored);
        if (std::fabs(got - once) > ulp_at(want[i], stored)) far.insert(step.spec.name);
        (got == once ? counts.equal : counts.within)++;
      }
    }
  }
  EXPECT_EQ(far, std::set<std::string>{});
  return counts;
}

TEST(LoraConvert, MergesIntoJoinedParamsOfEveryDtype) {
  const std::vector<std::string> all = {kLayer + "self_attn.q_proj", kLayer + "self_attn.v_proj",
                                        kLayer + "mlp.up_proj", kLayer + "mlp.down_proj",
                                        kLayer + "self_attn.o_proj"};
  Counts total;
  for (DType base : {DType::kF32, DType::kF16, DType::kBF16})
    for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16})
      for (bool rslora : {false, true}) {
        SCOPED_TRACE(fmt::format("{} {} {}", name_of(base), name_of(dtype), rslora));
        test::TemporaryFolder folder;
        PlainTensors tensors = test::write_llama(folder.path, {}, base, 0, 3);
        write_adapter(folder.path, {.targets = all, .rslora = rslora, .dtype = dtype}, tensors);
        Counts counts = expect_merged(folder.path, tensors, false);
        total.equal += counts.equal;
        total.within += counts.within;
      }
  std::printf("%zu merged values are the float64 sum rounded once, %zu one unit off\n", total.equal,
              total.within);
  EXPECT_LT(total.within * 1000, total.equal);
}

TEST(LoraConvert, MergesIntoPackedWeights) {
  test::TemporaryFolder folder;
  PlainTensors tensors = test::write_llama(folder.path, {.intermediate = 128}, DType::kF16, 32, 4);
  write_adapter(folder.path, {.targets = {kLayer + "self_attn.k_proj", kLayer + "mlp.gate_proj"}},
                tensors);
  Counts counts = expect_merged(folder.path, tensors, true);
  std::printf("over GPTQ: %zu equal, %zu one unit off\n", counts.equal, counts.within);
  EXPECT_LT(counts.within * 1000, counts.equal);
}

}  // namespace
}  // namespace mlc
