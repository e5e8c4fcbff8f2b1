// Configs as transformers 5 writes them, and models whose numbers stand in text_config.
#include "models/newer_config.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "models/model_config.h"

namespace mlc {
namespace {

ModelConfig read(const std::string& text, const std::string& type = "auto") {
  return read_model_config(parse_json(text, "config.json"), "config.json", type);
}

std::string field(const ModelConfig& config, const char* name) {
  const Json* value = config.fields.find(name);
  return value == nullptr ? "none" : dump_json(*value);
}

const std::string kNumbers =
    R"("hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
       "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-05, "vocab_size": 100,
       "max_position_embeddings": 256, "hidden_act": "silu", "dtype": "bfloat16")";

std::string model(const std::string& type, const std::string& more) {
  return "{\"model_type\": \"" + type + "\", " + kNumbers + ", " + more + "}";
}

TEST(NewerConfig, RopeThetaComesFromRopeParameters) {
  ModelConfig config = read(
      model("llama", R"("rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"})"));
  EXPECT_EQ(field(config, "position_embedding_base"), "500000.0");
  EXPECT_EQ(field(config, "rope_scaling"), "null");
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_EQ(config.warnings[0],
            "config.json: rope_parameters gives rope_theta 500000.0; mlc_llm does not read it for "
            "models of this type and goes on with its defaults");
}

TEST(NewerConfig, RopeScalingComesFromRopeParameters) {
  ModelConfig config = read(
      model("llama", R"("rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3", "factor": 8.0,
      "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64})"));
  EXPECT_EQ(field(config, "rope_scaling"),
            R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, )"
            R"("high_freq_factor": 4.0, "original_max_position_embeddings": 64})");
}

TEST(NewerConfig, UnsupportedScalingIsAnErrorThereToo) {
  try {
    read(model("llama", R"("rope_parameters": {"rope_theta": 1e4, "rope_type": "yarn"})"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("yarn"), std::string::npos);
  }
}

TEST(NewerConfig, LongropeOfPhi3GetsItsOlderName) {
  ModelConfig config =
      read(model("phi3", R"("rope_parameters": {"rope_theta": 10000.0, "rope_type": "longrope",
      "partial_rotary_factor": 0.75, "short_factor": [1.0], "long_factor": [2.0],
      "original_max_position_embeddings": 128})"));
  EXPECT_EQ(field(config, "original_max_position_embeddings"), "128");
  EXPECT_EQ(field(config, "partial_rotary_factor"), "0.75");
  EXPECT_NE(field(config, "rope_scaling").find(R"("type": "longrope")"), std::string::npos);
}

// rope_theta is a required field of these, so that mlc_llm fails.
TEST(NewerConfig, RequiredRopeTheta) {
  ModelConfig config = read(
      model("qwen2", R"("rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"})"));
  EXPECT_EQ(field(config, "rope_theta"), "1000000.0");
  EXPECT_EQ(field(config, "dtype"), "\"bfloat16\"");
}

TEST(NewerConfig, LayersOfTwoKindsHaveTwoBases) {
  std::string rope = R"("rope_parameters": {"full_attention": {"rope_theta": 5000000,
      "rope_type": "linear", "factor": 8.0}, "sliding_attention": {"rope_theta": 20000}})";
  std::string text = "{" + kNumbers + R"(, "sliding_window": 512, "head_dim": 16, )" + rope + "}";
  ModelConfig config = read(R"({"model_type": "gemma3", "text_config": )" + text + "}");
  const Json& inner = *config.fields.find("text_config");
  EXPECT_EQ(dump_json(*inner.find("position_embedding_base")), "5000000");
  EXPECT_EQ(dump_json(*inner.find("rope_scaling")), R"({"rope_type": "linear", "factor": 8.0})");
  EXPECT_EQ(dump_json(*inner.find("kwargs")->find("rope_local_base_freq")), "20000");
}

TEST(NewerConfig, OlderKeysWin) {
  ModelConfig config = read(model(
      "llama",
      R"("rope_theta": 7, "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"})"));
  EXPECT_EQ(field(config, "position_embedding_base"), "7");
  EXPECT_TRUE(config.warnings.empty());
}

TEST(NewerConfig, TablesThatReadRopeParametersGetTheFileAsItIs) {
  ModelConfig config = read(
      model("granite", R"("rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"})"));
  EXPECT_EQ(field(config, "position_embedding_base"), "500000.0");
  EXPECT_TRUE(config.warnings.empty());
}

TEST(NewerConfig, NumbersInTextConfigAlone) {
  std::string text = "{" + kNumbers + R"(, "model_type": "x", "rope_theta": 3})";
  ModelConfig config = read(R"({"model_type": "llama", "text_config": )" + text + "}");
  EXPECT_EQ(config.model_type(), "llama");
  EXPECT_EQ(field(config, "hidden_size"), "64");
  EXPECT_EQ(field(config, "position_embedding_base"), "3");
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_NE(config.warnings[0].find("text_config"), std::string::npos);
  // Not where the file itself has them.
  EXPECT_TRUE(read(model("llama", R"("text_config": {"hidden_size": 1})")).warnings.empty());
}

TEST(NewerConfig, HostileShapesAreErrorsOrPassed) {
  EXPECT_THROW(read(model("llama", R"("rope_parameters": {"rope_theta": "x"})")), Error);
  EXPECT_NO_THROW(read(model("llama", R"("rope_parameters": [1])")));
  EXPECT_NO_THROW(read(model("llama", R"("rope_parameters": {"full_attention": 3})")));
  EXPECT_THROW(read(model("llama", R"("rope_parameters": {"rope_type": 3})")), Error);
  EXPECT_THROW(read(R"({"model_type": "llama", "text_config": {}})"), Error);
}

}  // namespace
}  // namespace mlc
