// The engine against logits that transformers computed: small random checkpoints of each
// architecture, run in float32 on the plain CPU device.
#include "tests/unit/engine_cases.h"

using namespace mlc;

namespace {

class EngineGolden : public EngineTest, public testing::WithParamInterface<std::string> {};

TEST_P(EngineGolden, LogitsAreThoseOfTransformers) {
  std::optional<GoldenLogits> golden = find_golden_logits(GetParam());
  if (!golden) return;
  std::unique_ptr<Device> device = open_cpu_device();
  std::unique_ptr<Engine> engine = open(*device, float32_model(*golden), exact());
  double bound = 20 * golden->noise;
  for (std::size_t i = 0; i < golden->prompts.size(); i++) {
    std::vector<RowInput> rows = rows_of(golden->prompts[i]);
    engine->reset(0);
    double error = worst(engine->forward(rows, all_of(rows.size())), golden->logits[i]);
    std::printf("%s: %zu tokens: %.2e of at most %.2e\n", GetParam().c_str(), rows.size(), error,
                bound);
    EXPECT_LE(error, bound) << rows.size() << " tokens";
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, EngineGolden,
                         testing::Values("llama", "llama_tied_llama3rope", "mistral_sw8",
                                         "qwen2_untied", "qwen3_tied", "gemma",
                                         "gemma2_finalcap_only", "gemma3_text_sw8", "phi", "phi3",
                                         "phi3_longrope_short", "gpt_neox_parallel", "gptj", "gpt2",
                                         "gpt_bigcode_mqa", "stablelm_bias", "starcoder2_untied",
                                         "olmo", "olmo2", "cohere", "nemotron", "mixtral",
                                         "qwen2_moe", "qwen3_moe"),
                         [](const auto& test) { return test.param; });

}  // namespace
