// What generate_config says beside the file: stop tokens, overrides, models without a library.
#include <gtest/gtest.h>

#include "base/error.h"
#include "genconfig/genconfig.h"
#include "models/presets.h"
#include "quantize/quantization.h"

namespace mlc {
namespace {

class Listener : public SilentReporter {
 public:
  void warn(const std::string& text) override { warnings += text + "\n"; }
  bool heard(const std::string& text) const { return warnings.find(text) != std::string::npos; }
  std::string warnings;
};

const std::string kNumbers =
    R"("hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
       "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-05, "vocab_size": 300,
       "max_position_embeddings": 256)";

GenConfigOptions options_of(const std::string& row = "LM") {
  GenConfigOptions options;
  options.quantization = "q4f16_1";
  options.conv_template = row;
  return options;
}

GeneratedConfig generate(const std::string& more, const GenConfigOptions& options,
                         Reporter& reporter) {
  return generate_config_of(parse_json("{" + kNumbers + ", " + more + "}", "config.json"),
                            "config.json", options, reporter);
}

std::string at(const GeneratedConfig& generated, const char* outer, const char* inner = nullptr) {
  const Json* value = generated.config.find(outer);
  if (value != nullptr && inner != nullptr) value = value->find(inner);
  return value == nullptr ? "none" : dump_json(*value);
}

TEST(GenConfig, EveryPresetWorksWithEveryQuantization) {
  Listener listener;
  int count = 0;
  for (const Preset& preset : presets())
    for (const Quantization& quantization : quantizations()) {
      GenConfigOptions options = options_of();
      options.config = preset.name;
      options.quantization = quantization.name;
      SCOPED_TRACE(preset.name);
      EXPECT_NO_THROW(generate_config(options, listener));
      count++;
    }
  std::cout << count << " configs of presets\n";
  EXPECT_EQ(presets().size(), 67u);
}

TEST(GenConfig, StopTokensOfTheFilesAreCompared) {
  Listener listener;
  GeneratedConfig generated =
      generate(R"("model_type": "llama", "eos_token_id": [2, 7])", options_of(), listener);
  EXPECT_EQ(generated.stop_token_ids, (std::vector<std::int64_t>{2, 7}));
  ASSERT_EQ(generated.findings.size(), 1u);
  EXPECT_EQ(generated.findings[0].name, "stop-tokens-differ");
  EXPECT_TRUE(listener.heard("config.json: eos_token_id ends a turn with token 7"));
  // The file stays mlc_llm's unless asked for.
  EXPECT_EQ(at(generated, "conv_template", "stop_token_ids"), "[2]");
  EXPECT_EQ(at(generated, "eos_token_id"), "[2, 7]");
  GenConfigOptions all = options_of();
  all.all_stop_tokens = true;
  EXPECT_EQ(at(generate(R"("model_type": "llama", "eos_token_id": [2, 7])", all, listener),
               "conv_template", "stop_token_ids"),
            "[2, 7]");
}

TEST(GenConfig, TemplatesOfAnotherVocabularyAreFound) {
  Listener listener;
  generate(R"("model_type": "llama", "eos_token_id": 2)", options_of("llama-3"), listener);
  EXPECT_TRUE(listener.heard("stops at token 128001, beyond the model's 300 tokens"));
}

TEST(GenConfig, StrictMakesFindingsErrors) {
  Listener listener;
  GenConfigOptions options = options_of();
  options.strict = true;
  EXPECT_NO_THROW(generate(R"("model_type": "llama", "eos_token_id": 2)", options, listener));
  try {
    generate(R"("model_type": "llama", "eos_token_id": [3, 4])", options, listener);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("token 3"), std::string::npos);
    EXPECT_NE(
        std::string(error.what()).find("\nconfig.json: eos_token_id ends a turn with token 4"),
        std::string::npos);
  }
  // Nothing is wrong with stop tokens that are added.
  options.all_stop_tokens = true;
  EXPECT_EQ(at(generate(R"("model_type": "llama", "eos_token_id": [3, 4])", options, listener),
               "conv_template", "stop_token_ids"),
            "[2, 3, 4]");
}

TEST(GenConfig, OverridesWithoutAFieldAreNamed) {
  Listener listener;
  GenConfigOptions options = options_of();
  options.overrides.sliding_window_size = 64;
  options.overrides.disaggregation = true;
  GeneratedConfig generated = generate(R"("model_type": "llama")", options, listener);
  EXPECT_TRUE(listener.heard("sliding_window_size is not set to 64: models of type llama"));
  EXPECT_EQ(at(generated, "sliding_window_size"), "-1");
  EXPECT_EQ(at(generated, "model_config", "disaggregation"), "true");
}

TEST(GenConfig, TheSecondReadingClampsButDoesNotGrow) {
  Listener listener;
  GenConfigOptions options = options_of();
  options.overrides.context_window_size = 100;
  EXPECT_EQ(at(generate(R"("model_type": "llama")", options, listener), "prefill_chunk_size"),
            "100");
  options.overrides.context_window_size = 1000;
  EXPECT_EQ(at(generate(R"("model_type": "llama")", options, listener), "prefill_chunk_size"),
            "256");
}

TEST(GenConfig, NumbersKeepTheirForm) {
  Listener listener;
  GeneratedConfig generated = generate(
      R"("model_type": "llama", "temperature": 1, "top_p": 1e-7, "pad_token_id": -1,
         "repetition_penalty": null)",
      options_of(), listener);
  EXPECT_EQ(at(generated, "temperature"), "1");
  EXPECT_EQ(at(generated, "top_p"), "1e-07");
  EXPECT_EQ(at(generated, "pad_token_id"), "-1");
  EXPECT_EQ(at(generated, "repetition_penalty"), "1.0");
}

TEST(GenConfig, EmbeddingModelsSayWhatTheyAre) {
  Listener listener;
  GeneratedConfig generated =
      generate(R"("model_type": "bert", "layer_norm_eps": 1e-12, "hidden_act": "gelu")",
               options_of(), listener);
  EXPECT_EQ(at(generated, "model_task"), "\"embedding\"");
  EXPECT_EQ(at(generated, "embedding_metadata"),
            R"({"model_type": "encoder", "pooling_strategy": "cls", "normalize": true})");
}

TEST(GenConfig, ModelsWithoutALibraryGetTheFieldsOfTheirTable) {
  Listener listener;
  GeneratedConfig generated = generate(R"("model_type": "granite")", options_of(), listener);
  EXPECT_TRUE(listener.heard("no MLC runtime has a model library for models of type granite"));
  EXPECT_EQ(at(generated, "model_config", "logits_scaling"), "1.0");
}

TEST(GenConfig, NewerConfigsAreReadRight) {
  Listener listener;
  GeneratedConfig generated = generate(
      R"("model_type": "llama", "rope_parameters": {"rope_theta": 5e5, "rope_type": "default"})",
      options_of(), listener);
  EXPECT_EQ(at(generated, "model_config", "position_embedding_base"), "500000.0");
  EXPECT_TRUE(listener.heard("rope_parameters gives rope_theta 500000.0"));
}

TEST(GenConfig, WhatIsNeitherPathNorPresetIsAUsageError) {
  Listener listener;
  GenConfigOptions options = options_of();
  options.config = "llama2_7";
  try {
    generate_config(options, listener);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("llama2_7b"), std::string::npos);
  }
}

}  // namespace
}  // namespace mlc
