// Configs of the architectures that mlc_llm lacks: what they leave out, which variants are refused,
// and a packed checkpoint.
#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "base/error.h"
#include "convert/convert.h"
#include "models/models.h"
#include "tests/unit/packed_cases.h"
#include "tests/unit/source_shapes.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(MLC_TEST_DATA) / "data" / "checkpoints";

Json released_config(const char* name) {
  return read_json_file((kFolder / (std::string(name) + ".json")).string());
}

bool has_param(const Json& source, std::string_view name) {
  ModelConfig config = read_model_config(source, "config.json", "auto");
  for (const ParamSpec& spec : expand_params(config, "group-quant"))
    if (spec.name == name) return true;
  return false;
}

// A file that does not say whether the head is tied means the default of the model's class in
// transformers, which leaves out what equals it.
TEST(ModelVariants, AreTiedWhereTheirClassIs) {
  const std::map<std::string, bool> tied = {
      {"command-r7b", true},
      {"ernie-4.5-0.3b", true},
      {"ernie-4.5-21b-a3b", true},
      {"exaone-4.0-1.2b", false},
      {"glm-4-9b-0414", false},
      {"glm-4.5-air", false},
      {"granite-3.3-2b", false},
      {"hunyuan-7b", false},
      {"internlm3-8b", true},
      {"kimi-k2", false},
      {"mimo-7b", false},
      {"minimax-m2", false},
      {"mistral-small-3.1-24b", false},
      {"olmo-3-32b", false},
      {"phi-3.5-moe", false},
      {"seed-oss-36b", false},
      {"smollm3-3b", true},
  };
  for (const auto& [name, expected] : tied) {
    Json source = Json::object();
    Json whole = released_config(name.c_str());
    for (const Json::Member& member : whole.members("config"))
      if (member.first != "tie_word_embeddings") source.set(member.first, member.second);
    EXPECT_EQ(has_param(source, "lm_head.weight"), !expected) << name;
    source.set("tie_word_embeddings", !expected);
    if (name != "kimi-k2") {
      EXPECT_EQ(has_param(source, "lm_head.weight"), expected) << name;
    }
  }
}

// Layers with experts by the three numbers of ERNIE: from, to, every how many.
TEST(ModelVariants, ErnieCountsItsExpertLayers) {
  Json source = released_config("ernie-4.5-21b-a3b");
  source.set("moe_layer_interval", 2).set("moe_layer_start_index", 2);
  source.set("moe_layer_end_index", -1);
  for (int i = 0; i < 28; i++) {
    std::string layer = fmt::format("model.layers.{}.mlp.", i);
    bool experts = i >= 2 && i % 2 == 1;
    EXPECT_EQ(has_param(source, layer + "gate.weight"), experts) << i;
    EXPECT_EQ(has_param(source, layer + "gate_up_proj.weight"), !experts) << i;
  }
  source.set("moe_layer_end_index", 9);
  EXPECT_TRUE(has_param(source, "model.layers.9.mlp.gate.weight"));
  EXPECT_FALSE(has_param(source, "model.layers.11.mlp.gate.weight"));
}

// A file around a ministral3 is that type, which mlc_llm has.
TEST(ModelVariants, GiveWayToAnInnerTypeWithLibrary) {
  Json source = released_config("mistral-small-3.1-24b");
  Json text = *source.find("text_config");
  text.set("model_type", "ministral3");
  source.set("text_config", text);
  EXPECT_EQ(read_model_config(source, "config.json", "auto").model_type(), "ministral3");
  EXPECT_EQ(read_model_config(source, "config.json", "mistral3").model_type(), "mistral3");
  for (const char* other : {"llama", "mistral3", "unheard of"}) {
    text.set("model_type", other);
    source.set("text_config", text);
    EXPECT_EQ(read_model_config(source, "config.json", "auto").model_type(), "mistral3") << other;
  }
}

TEST(ModelVariants, VariantsWithOtherTensorsAreRefused) {
  auto error = [](const char* name, const char* key, const char* value) -> std::string {
    Json source = released_config(name);
    source.set(key, parse_json(value, "value"));
    try {
      expand_params(read_model_config(source, "config.json", "auto"), "group-quant");
    } catch (const Error& e) {
      EXPECT_TRUE(e.code() == ExitCode::kBadInput || e.code() == ExitCode::kUnsupported);
      return e.what();
    }
    return "accepted";
  };
  auto refused = [&](const char* name, const char* key, const char* value, const char* why) {
    std::string text = error(name, key, value);
    EXPECT_NE(text.find(why), std::string::npos) << text;
  };
  refused("ernie-4.5-21b-a3b", "use_bias", "true", "not use_bias must hold");
  refused("ernie-4.5-21b-a3b", "moe_layer_interval", "0", "moe_layer_interval > 0 must hold");
  refused("ernie-4.5-21b-a3b", "moe_num_experts", "[64, 64]", "moe_num_experts");
  refused("hunyuan-7b", "use_cla", "true", "not use_cla must hold");
  refused("minimax-m2", "qk_norm_type", R"("per_head")", "qk_norm_type is \"per_head\"");
  refused("minimax-m2", "shared_intermediate_size", "512", "shared_intermediate_size");
  refused("minimax-m2", "quantization_config", R"({"quant_method": "fp8", "fmt": "e5m2"})", "fmt");
  refused("granite-3.3-2b", "head_dim", "96", "head_dim");
  refused("seed-oss-36b", "num_key_value_heads", "7", "num_key_value_heads");
  refused("glm-4.5", "n_routed_experts", "null", "n_routed_experts");
  EXPECT_EQ(error("glm-4.5", "n_shared_experts", "0"), "accepted");
}

// bfloat16 bits that lie on no lattice.
std::vector<std::uint16_t> scattered(std::size_t count) {
  std::vector<std::uint16_t> bits;
  for (std::size_t i = 0; i < count; i++)
    bits.push_back(static_cast<std::uint16_t>(0x3c00 + i * 2654435761u % 509));
  return bits;
}

// Kimi K2 Thinking: the routed experts alone are packed, 4 bits in groups of 32, which q4f16_1
// takes over exactly.
TEST(ModelVariants, KimisPackedExpertsKeepTheirValues) {
  test::TemporaryFolder folder;
  Json source =
      read_json_file((fs::path(MLC_TEST_DATA) / "data" / "configs" / "kimi_k2.json").string());
  source.set("quantization_config", parse_json(R"({
      "config_groups": {"group_0": {"targets": ["Linear"], "weights": {
          "num_bits": 4, "group_size": 32, "strategy": "group", "symmetric": true, "type": "int"}}},
      "format": "pack-quantized", "quant_method": "compressed-tensors",
      "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*",
                 "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"]})",
                                               "config"));
  write_file_atomically((folder.path / "config.json").string(), dump_json(source));
  ModelConfig config = load_model_config(folder.path.string(), "auto");
  std::vector<test::Stored> tensors;
  for (const auto& [name, shape] : source_shapes(expand_params(config, "group-quant"))) {
    std::size_t elements = 1;
    for (std::int64_t dim : shape)
      elements *= static_cast<std::size_t>(dim);
    if (name.find(".experts.") == std::string::npos) {
      tensors.push_back(test::stored(name, "BF16", shape, scattered(elements)));
      continue;
    }
    std::string base = name.substr(0, name.size() - std::string(".weight").size());
    tensors.push_back(test::stored(base + ".weight_packed", "I32", {shape[0], shape[1] / 8},
                                   std::vector<std::int32_t>(elements / 8, 0x12345678)));
    tensors.push_back(test::stored(base + ".weight_scale", "BF16", {shape[0], shape[1] / 32},
                                   std::vector<std::uint16_t>(elements / 32, 0x3c00)));
    tensors.push_back(test::stored(base + ".weight_shape", "I64", {2}, shape));
  }
  test::write_safetensors(folder.path / "model.safetensors", tensors);
  ConvertOptions options;
  options.config = folder.path.string();
  options.quantization = "q4f16_1";
  options.output = (folder.path / "out").string();
  options.threads = 1;
  SilentReporter reporter;
  Prepared prepared = prepare_conversion(options, reporter);
  EXPECT_TRUE(prepared.plan.unused.empty());
  std::size_t experts = 0;
  for (const PlanStep& step : prepared.plan.steps)
    experts += step.spec.kind == ParamKind::kExperts ? 1 : 0;
  EXPECT_EQ(experts, 2u);
  EXPECT_EQ(run_conversion(options, prepared, reporter).execute.lossless_params, experts);
}

}  // namespace
}  // namespace mlc
