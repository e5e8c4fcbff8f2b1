// Frequencies of rotations against the published formulas, evaluated elsewhere (Python, float64).
#include "runtime-min/engine/rope_plan.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/error.h"

using namespace mlc;

namespace {

ModelConfig config_of(const std::string& text) {
  ModelConfig config;
  config.path = "config.json";
  config.source = parse_json(text, "config.json");
  config.fields = Json::object();
  return config;
}

RopePlan plan(double theta, const std::string& scaling, const std::string& config = "{}") {
  return plan_rope(theta, 16, false, parse_json(scaling, "rope_scaling"), config_of(config));
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); i++)
    EXPECT_NEAR(found[i] / expected[i], 1, 1e-13) << i;
}

TEST(RopePlan, PlainAndLinear) {
  std::vector<double> plain;
  for (int i = 0; i < 16; i += 2)
    plain.push_back(std::pow(10000.0, -i / 16.0));
  for (const char* none :
       {"null", "false", R"({"rope_type": "default"})", R"({"type": "dynamic", "factor": 2.0})"})
    expect_near(plan(10000, none).frequencies, plain);
  for (double& f : plain)
    f /= 8;
  RopePlan linear = plan(10000, R"({"rope_type": "linear", "factor": 8.0})");
  expect_near(linear.frequencies, plain);
  EXPECT_EQ(linear.scale, 1);
}

TEST(RopePlan, Llama3) {
  expect_near(plan(500000, R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                   "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})")
                  .frequencies,
              {1, 0.193922744748686, 0.0376060309308639, 0.00729266473721711, 0.000524846160992955,
               3.42810219595259e-05, 6.64786987118124e-06, 1.28917317215156e-06});
}

TEST(RopePlan, Yarn) {
  RopePlan small = plan(10000, R"({"rope_type": "yarn", "factor": 4.0,
                                   "original_max_position_embeddings": 256})");
  expect_near(small.frequencies, {1, 0.256935059888681, 0.0625, 0.0138349647632367, 0.0025,
                                  0.000790569415042095, 0.00025, 7.90569415042095e-05});
  EXPECT_NEAR(small.scale, 1.138629436111989, 1e-15);
  // As Qwen writes it: `type`; here the length that the model was made for stands beside.
  RopePlan qwen =
      plan(1000000, R"({"type": "yarn", "factor": 4.0})", R"({"max_position_embeddings": 32768})");
  expect_near(qwen.frequencies,
              {1, 0.177827941003892, 0.0316227766016838, 0.00421755993892762, 0.0005,
               4.44569852509731e-05, 7.90569415042095e-06, 1.40585331297587e-06});
  // DeepSeek's two scales cancel.
  RopePlan both = plan(10000, R"({"rope_type": "yarn", "factor": 4.0, "mscale": 0.7,
                       "mscale_all_dim": 0.7, "original_max_position_embeddings": 256})");
  EXPECT_EQ(both.scale, 1);
  RopePlan given = plan(10000, R"({"rope_type": "yarn", "factor": 4.0, "attention_factor": 1.5,
                        "original_max_position_embeddings": 256})");
  EXPECT_EQ(given.scale, 1.5);
}

TEST(RopePlan, LongropeTurnsByTheLengthOfTheSequence) {
  const std::string config =
      R"({"max_position_embeddings": 128, "original_max_position_embeddings": 32})";
  RopePlan rope = plan(10000, R"({"type": "longrope", "short_factor": [1, 2, 2, 2, 2, 2, 2, 2],
                       "long_factor": [4, 4, 4, 4, 4, 4, 4, 8]})",
                       config);
  EXPECT_NEAR(rope.scale, 1.1832159566199232, 1e-15);
  EXPECT_EQ(rope.long_after, 32U);
  // Two rows at position 3, of a sequence of 32 tokens and of one of 33.
  std::vector<float> table(2 * 16);
  const std::vector<std::uint32_t> positions = {3, 3};
  const std::vector<std::uint32_t> lengths = {32, 33};
  fill_rope_table(rope, positions, lengths, table);
  EXPECT_EQ(table[0], static_cast<float>(std::cos(3.0) * rope.scale));
  EXPECT_EQ(table[16], static_cast<float>(std::cos(3.0 / 4) * rope.scale));
  EXPECT_EQ(table[8 + 7],
            static_cast<float>(std::sin(3.0 / 2 * std::pow(10000, -14.0 / 16)) * rope.scale));
  EXPECT_EQ(table[16 + 8 + 7],
            static_cast<float>(std::sin(3.0 / 8 * std::pow(10000, -14.0 / 16)) * rope.scale));
}

TEST(RopePlan, QueriesGrowWithTheLength) {
  RopePlan rope = plan(10000, "null");
  rope.growth = 0.1;
  rope.growth_step = 256;
  const std::vector<std::uint32_t> positions = {255, 256, 1024};
  std::vector<float> table(3 * 16);
  fill_rope_table(rope, positions, std::vector<std::uint32_t>(3), table);
  for (std::size_t r = 0; r < 3; r++) {
    const double scale = std::vector<double>{1, 1 + 0.1 * std::log(2), 1 + 0.1 * std::log(5)}[r];
    EXPECT_EQ(table[r * 16],
              static_cast<float>(std::cos(static_cast<double>(positions[r])) * scale));
  }
}

TEST(RopePlan, NamesWhatIsWrong) {
  auto message = [](const std::string& scaling, ExitCode code) -> std::string {
    try {
      plan(10000, scaling);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(
      message(R"({"rope_type": "ntk"})", ExitCode::kUnsupported),
      "config.json: rope_scaling.rope_type is \"ntk\"; the engine knows default, linear, llama3, "
      "yarn, longrope and dynamic");
  EXPECT_EQ(message(R"({"rope_type": "linear"})", ExitCode::kBadInput),
            "config.json: rope_scaling.factor is missing");
  EXPECT_EQ(message(R"({"rope_type": "linear", "factor": 0})", ExitCode::kBadInput),
            "config.json: rope_scaling.factor is 0, expected a positive number");
  EXPECT_EQ(message(R"({"factor": 2})", ExitCode::kBadInput),
            "config.json: rope_scaling.rope_type is missing");
  EXPECT_EQ(message(R"({"rope_type": "longrope", "short_factor": [1], "long_factor": [1]})",
                    ExitCode::kBadInput),
            "config.json: rope_scaling.short_factor has 1 numbers, expected 8");
}

}  // namespace
