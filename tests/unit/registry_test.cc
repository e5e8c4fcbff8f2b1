// Every architecture of the registry against the lists that mlc_llm itself makes.
#include "models/registry.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "models/models.h"
#include "models/well_formed.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const fs::path kShared = fs::path(MLC_TEST_SHARED) / "spec" / "registry";

std::string text(const Json& json, const char* key) { return json.find(key)->as_string(key); }

std::vector<std::string> strings(const Json& json) {
  std::vector<std::string> list;
  for (const Json& item : json.items("list"))
    list.push_back(item.as_string("item"));
  return list;
}

std::string model_dtype(const std::string& quantization) {
  if (quantization.find("bf16") != std::string::npos) return "bfloat16";
  if (quantization.find("f32") != std::string::npos) return "float32";
  return "float16";
}

std::string dtype_of(const ParamSpec& spec, const std::string& quantization) {
  if (spec.dtype) return std::string(name_of(*spec.dtype));
  if (spec.kind == ParamKind::kLinearBias && spec.out_dtype)
    return std::string(name_of(*spec.out_dtype));
  return model_dtype(quantization);
}

std::string op_name(Op op) {
  switch (op) {
    case Op::kCopy:
      return "copy";
    case Op::kConcat:
    case Op::kConcatColumns:
      return "concat";
    case Op::kShared:
      return "fp8_shared_scale";
    case Op::kStack:
      return "stack";
    case Op::kStackOfConcat:
      return "stack_of_concat";
    case Op::kTranspose:
      return "transpose";
    case Op::kAddOne:
    case Op::kAddOneF32:
      return "add_one";
    case Op::kSplitInterleavedQkv:
      return "split_interleaved_qkv";
    case Op::kSplitGroupedQkv:
      return "split_grouped_qkv";
    case Op::kSplitGroups:  // of models that mlc_llm lacks, up to here
    case Op::kDeinterleaveRows:
    case Op::kDeinterleaveColumns:
    case Op::kTransposeEach:
    case Op::kTransposeDeinterleaved:
      return "none of mlc_llm's";
    case Op::kMlaKvBK:
      return "mla_kv_b_k";
    case Op::kMlaKvBV:
      return "mla_kv_b_v";
    case Op::kDivPow2:
      return "div_pow2";
    case Op::kExpNegExp:
      return "exp_neg_exp";
  }
  return "";
}

std::size_t count_of_mlcs_types() {
  std::size_t n = 0;
  for (const Architecture* architecture : architectures())
    n += architecture->in_mlc_llm ? 1 : 0;
  return n;
}

class SharedTest : public testing::Test {
 protected:
  void SetUp() override {
    if (fs::exists(kShared)) return;
    std::cout << "skipped: no shared data\n";
    GTEST_SKIP();
  }

  static ModelConfig config_of(const std::string& preset, const std::string& model) {
    return load_model_config((kShared / "presets" / (preset + ".json")).string(), model);
  }
};

// The files hold what gen_config writes: the fields, read a second time after the overrides, of
// which one is always there, max_batch_size 128.
TEST_F(SharedTest, DerivedConfigsAreMlcs) {
  int count = 0;
  for (const auto& file : fs::directory_iterator(kShared / "model_config")) {
    Json expected = read_json_file(file.path().string());
    std::string model = text(*expected.find("mlc_chat_config_top"), "model_type");
    SCOPED_TRACE(file.path().filename().string());
    ModelConfig config = config_of(file.path().stem().string(), model);
    Json fields = config.fields;
    if (fields.find("max_batch_size") != nullptr) fields.set("max_batch_size", 128);
    ModelConfig again = read_model_config(fields, config.path, model);
    EXPECT_EQ(dump_json(again.fields), dump_json(*expected.find("model_config")));
    count++;
  }
  std::cout << count << " derived configs are equal to mlc_llm's\n";
  EXPECT_GT(count, 0);
}

// What gen_config wrote for whole model folders, with overrides.
TEST_F(SharedTest, ChatConfigsAreMlcs) {
  const std::map<std::string, std::string> overrides = {
      {"--context-window-size", "context_window_size"},
      {"--sliding-window-size", "sliding_window_size"},
      {"--prefill-chunk-size", "prefill_chunk_size"},
      {"--attention-sink-size", "attention_sink_size"},
      {"--tensor-parallel-shards", "tensor_parallel_shards"},
      {"--pipeline-parallel-stages", "pipeline_parallel_stages"},
      {"--max-batch-size", "max_batch_size"},
  };
  int count = 0;
  for (const auto& folder :
       fs::directory_iterator(kShared.parent_path().parent_path() / "golden" / "gen_config")) {
    fs::path file = folder.path() / "mlc-chat-config.json";
    if (!fs::exists(file)) continue;
    SCOPED_TRACE(folder.path().filename().string());
    std::vector<std::string> args;
    std::ifstream lines(folder.path() / "args.txt");
    for (std::string line; std::getline(lines, line);)
      args.push_back(line);
    std::string type = "auto";
    for (std::size_t i = 0; i + 1 < args.size(); i++)
      if (args[i] == "--model-type") type = args[i + 1];
    fs::path source = args[0] == "{INPUT}" ? folder.path() / "input" / "config.json"
                                           : kShared / "presets" / (args[0] + ".json");
    Json chat = read_json_file(file.string());
    Json json = read_json_file(source.string());
    if (args[0] != "{INPUT}") json.set("model_preset_tag", args[0]);  // as mlc_llm does
    ModelConfig config = read_model_config(json, source.string(), type);
    EXPECT_EQ(config.model_type(), text(chat, "model_type"));
    Json fields = config.fields;
    if (fields.find("max_batch_size") != nullptr) fields.set("max_batch_size", 128);
    for (std::size_t i = 0; i + 1 < args.size(); i++) {
      auto override = overrides.find(args[i]);
      if (override != overrides.end() && fields.find(override->second) != nullptr)
        fields.set(override->second, std::stoi(args[i + 1]));
    }
    ModelConfig again = read_model_config(fields, config.path, config.model_type());
    EXPECT_EQ(dump_json(again.fields), dump_json(*chat.find("model_config")));
    count++;
  }
  std::cout << count << " chat configs are equal to mlc_llm's\n";
  EXPECT_GT(count, 0);
}

// Presets name their model_type, and detection finds it.
TEST_F(SharedTest, ModelTypeIsDetected) {
  Json models = read_json_file((kShared / "models.json").string());
  int count = 0;
  for (const Json& model : models.find("models")->items("models")) {
    const Architecture* architecture = find_architecture(text(model, "name"));
    ASSERT_NE(architecture, nullptr) << text(model, "name");
    // EAGLE, Medusa and embedding models carry another type's name, or none.
    bool detected = !model.find("hf_model_type_auto_detected")->items("names").empty();
    for (const std::string& preset : strings(*model.find("presets"))) {
      if (!detected) continue;
      EXPECT_EQ(config_of(preset, "auto").architecture, architecture) << preset;
      count++;
    }
    const std::vector<Json>& fields = model.find("fields")->items("fields");
    ASSERT_EQ(architecture->config.fields.size(), fields.size());
    for (std::size_t i = 0; i < fields.size(); i++)
      EXPECT_EQ(architecture->config.fields[i].name, text(fields[i], "name"));
  }
  std::cout << count << " presets are detected\n";
}

// The same comparisons on small configs that stand in the repository (tests/data/configs). A file
// that is named after a model type is read as that one: some are never detected.
TEST(SmallConfigs, GiveTheirParamsAndFields) {
  fs::path folder = fs::path(MLC_TEST_DATA) / "data" / "configs";
  std::set<std::string_view> seen;
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().extension() != ".params") continue;
    SCOPED_TRACE(file.path().filename().string());
    fs::path base = file.path();
    std::string stem = base.stem().string();
    ModelConfig config = load_model_config(base.replace_extension(".json").string(),
                                           find_architecture(stem) != nullptr ? stem : "auto");
    seen.insert(config.model_type());
    std::string ours;
    for (const ParamSpec& spec : expand_params(config, "no-quant"))
      ours += fmt::format("{} {} {} {} {}\n", spec.name, fmt::join(spec.shape, "x"),
                          dtype_of(spec, "q0f16"), op_name(spec.op), fmt::join(spec.sources, " "));
    std::ifstream params(file.path());
    EXPECT_EQ(ours, std::string(std::istreambuf_iterator<char>(params), {}));
    Json fields = config.fields;
    if (fields.find("max_batch_size") != nullptr) fields.set("max_batch_size", 128);
    ModelConfig again = read_model_config(fields, config.path, config.model_type());
    Json expected = read_json_file(base.replace_extension(".model_config.json").string());
    EXPECT_EQ(dump_json(again.fields), dump_json(expected));
  }
  // mlc_llm's types (models_without_library_test.cc has the others) but phi3_v, whose vision tower
  // has 24 layers whatever the config says.
  EXPECT_EQ(seen.size(), count_of_mlcs_types() - 1);
  EXPECT_EQ(seen.count("phi3_v"), 0u);
}

TEST(Registry, ListsAllOnce) {
  std::vector<std::string> known = known_model_types();
  EXPECT_EQ(std::set<std::string>(known.begin(), known.end()).size(), known.size());
  EXPECT_EQ(count_of_mlcs_types(), 47u);
  for (const std::string& name : known) {
    ASSERT_NE(find_architecture(name), nullptr) << name;
    EXPECT_EQ(find_architecture(name)->model_type, name);
  }
  EXPECT_EQ(find_architecture("mixformer-sequential"), find_architecture("phi-msft"));
  EXPECT_EQ(find_architecture("nope"), nullptr);
  EXPECT_EQ(find_architecture(""), nullptr);
}

TEST(Registry, TablesHaveNoProblem) {
  for (const Architecture* architecture : architectures())
    EXPECT_EQ(problem_of(*architecture), "") << architecture->model_type;
}

}  // namespace
}  // namespace mlc
