// The same logits on every device that this machine has: the fast CPU, and what Vulkan and OpenCL
// find (in CI lavapipe and PoCL).
#include <numeric>

#include "tests/unit/engine_cases.h"

using namespace mlc;

namespace {

// Times the noise of float32, as for the reference (engine_golden_test): other orders of sums and
// the few units in the last place that Vulkan and OpenCL allow in exponentials and divisions are of
// its size.
constexpr double kBound = 20;

const char* const kCases[] = {"llama_tied_llama3rope",
                              "cohere",
                              "gemma2_finalcap_only",
                              "mistral_sw8",
                              "gptj",
                              "gpt2",
                              "phi3_longrope_short",
                              "olmo2",
                              "qwen2_moe",
                              "qwen3_tied"};

class EngineDevices : public EngineTest {
 protected:
  // Each device that is no reference; says what is missing.
  static std::vector<std::string> devices() {
    std::vector<std::string> missing;
    std::vector<std::string> ids;
    for (const FoundDevice& device : list_devices(&missing))
      ids.push_back(device.id);
    for (const std::string& reason : missing)
      std::printf("skipped: %s\n", reason.c_str());
    return ids;
  }
};

TEST_F(EngineDevices, LogitsAreThoseOfTransformers) {
  for (const std::string& id : devices()) {
    std::unique_ptr<Device> device = open_cpu_device(id);
    for (const char* name : kCases) {
      std::optional<GoldenLogits> golden = find_golden_logits(name);
      ASSERT_TRUE(golden);
      LoadedModel model = float32_model(*golden);
      EngineOptions options = exact();
      options.slots = 3;
      std::unique_ptr<Engine> engine = open(*device, model, options);
      // All prompts at once, then the last one token by token: prefill and decode.
      std::vector<RowInput> rows;
      std::vector<float> expected;
      for (std::uint32_t slot = 0; slot < 3; slot++) {
        std::vector<RowInput> more = rows_of(golden->prompts[slot], slot);
        rows.insert(rows.end(), more.begin(), more.end());
        expected.insert(expected.end(), golden->logits[slot].begin(), golden->logits[slot].end());
      }
      double error = worst(engine->forward(rows, all_of(rows.size())), expected);
      std::size_t vocab = engine->info().vocab;
      engine->reset(1);
      for (std::size_t i = 0; i < golden->prompts[2].size(); i++) {
        std::vector<RowInput> row = {{.slot = 1, .token = golden->prompts[2][i]}};
        double one = worst(engine->forward(row, last_row_of(row)),
                           std::span(golden->logits[2]).subspan(i * vocab, vocab));
        if (!(one <= error)) error = one;
      }
      std::printf("%s %s: %.1e of %.1e\n", id.c_str(), name, error, kBound * golden->noise);
      EXPECT_LE(error, kBound * golden->noise) << name << " on " << id;
    }
  }
}

// Trained weights in groups, with a cache of float16, as people run them.
TEST_F(EngineDevices, QuantizedModelsAgreeWithTheReference) {
  const std::string kjv = std::string(MLC_TEST_DATA) + "/data/kjv-llama";
  std::vector<std::uint32_t> ids(20);
  std::iota(ids.begin(), ids.end(), 300U);
  std::vector<RowInput> rows = rows_of(ids);
  for (const char* scheme : {"q4f16_1", "q3f16_0", "q0f16"}) {
    ConvertOptions convert;
    convert.config = kjv;
    convert.quantization = scheme;
    convert.output = (root_ / scheme).string();
    SilentReporter reporter;
    run_conversion(convert, prepare_conversion(convert, reporter), reporter);
    LoadedModel model;
    model.config = load_model_config(kjv, "auto");
    model.quantization = find_quantization(scheme);
    model.folder = convert.output;
    EngineOptions options;
    options.context = 64;
    std::unique_ptr<Device> reference = open_cpu_device();
    std::vector<float> expected =
        copy(open(*reference, model, options)->forward(rows, all_of(rows.size())));
    auto [least, most] = std::minmax_element(expected.begin(), expected.end());
    double range = double{*most} - double{*least};
    for (const std::string& id : devices()) {
      std::unique_ptr<Device> device = open_cpu_device(id);
      std::unique_ptr<Engine> engine = open(*device, model, options);
      double error = worst(engine->forward(rows, all_of(rows.size())), expected) / range;
      engine->reset(0);
      std::span<const float> logits;
      for (std::size_t i = 0; i < 5; i++) {
        std::vector<RowInput> row = {rows[i]};
        logits = engine->forward(row, last_row_of(row));
      }
      double decoded =
          worst(logits, std::span(expected).subspan(4 * logits.size(), logits.size())) / range;
      std::printf("%s %s: %.1e and %.1e of the range\n", id.c_str(), scheme, error, decoded);
      // Float32 noise moves a few keys to the next float16, 2^-11 of their size away; that is far
      // less than the whole cache being rounded (2e-3 in engine_kjv_test).
      EXPECT_LE(error, 5e-4) << scheme << " on " << id;
      EXPECT_LE(decoded, 5e-4) << scheme << " on " << id;
    }
  }
}

}  // namespace
