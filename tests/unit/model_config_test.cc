// Reading config.json: what is refused and how it is said, defaults, steps, and model_type.
#include "models/model_config.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "models/models.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const char* const kLlama =
    R"({"model_type": "llama", "hidden_size": 128, "intermediate_size": 256,
        "num_attention_heads": 4, "num_hidden_layers": 2, "rms_norm_eps": 1e-05,
        "vocab_size": 320, "max_position_embeddings": 4096})";

ModelConfig read(const std::string& json, std::string_view model_type = "auto") {
  return read_model_config(parse_json(json, "config.json"), "config.json", model_type);
}

Json with(const std::string& json, const std::string& key, Json value) {
  Json object = parse_json(json, "test");
  object.set(key, std::move(value));
  return object;
}

ModelConfig read_with(const std::string& key, Json value) {
  return read_model_config(with(kLlama, key, std::move(value)), "config.json", "auto");
}

std::string field(const ModelConfig& config, const char* name) {
  return dump_json(*config.fields.find(name));
}

std::string message(const std::string& json, std::string_view model_type = "auto") {
  try {
    read(json, model_type);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput);
    return e.what();
  }
  return "accepted";
}

// A folder of tests/golden-errors is what a user gives; expanding the params belongs to it, since
// some numbers only show there that they are impossible.
TEST(GoldenErrors, EveryHostileConfigIsRefusedByName) {
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(fs::path(MLC_TEST_DATA) / "golden-errors"))
    if (entry.path().filename().string().starts_with("CF-")) cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());
  ASSERT_GE(cases.size(), 29u);
  for (const fs::path& folder : cases) {
    std::ifstream expected(folder / "expected");
    int code = 0;
    std::string line;
    ASSERT_TRUE(expected >> code) << folder;
    std::getline(expected, line);
    try {
      expand_params(load_model_config(folder.string(), "auto"), "no-quant");
      ADD_FAILURE() << folder << " was accepted";
    } catch (const Error& e) {
      std::string text = e.what();
      EXPECT_EQ(static_cast<int>(e.code()), code) << folder << "\n" << text;
      while (std::getline(expected, line))
        EXPECT_NE(text.find(line), std::string::npos)
            << folder << "\nlacks: " << line << "\nhas: " << text;
      EXPECT_TRUE(std::none_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' '; }))
          << folder << "\n"
          << text;
    }
  }
  std::cout << cases.size() << " hostile configs refused\n";
}

TEST(ModelConfig, RefusesAHugeFileWithoutReadingIt) {
  fs::path folder = fs::path(testing::TempDir()) / ("huge_config." + std::to_string(::getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "config.json") << "{";
  fs::resize_file(folder / "config.json", std::uintmax_t{1} << 30);  // sparse
  EXPECT_THROW(load_model_config(folder.string(), "auto"), Error);
  fs::remove_all(folder);
}

TEST(ModelConfig, EveryPrefixOfAConfigIsRefused) {
  std::string text = kLlama;
  for (std::size_t n = 0; n < text.size(); n++)
    EXPECT_NE(message(text.substr(0, n)), "accepted") << n;
}

TEST(ModelConfig, TakesAFileOrAFolder) {
  fs::path data = fs::path(MLC_TEST_DATA) / "data";
  EXPECT_EQ(load_model_config((data / "kjv-llama").string(), "auto").model_type(), "llama");
  EXPECT_EQ(load_model_config((data / "configs" / "gpt2.json").string(), "auto").model_type(),
            "gpt2");
  EXPECT_THROW(load_model_config((data / "nowhere").string(), "auto"), Error);
}

TEST(ModelConfig, DetectsAsMlcDoes) {
  EXPECT_EQ(read(kLlama).model_type(), "llama");
  EXPECT_EQ(read(kLlama, "mistral").model_type(), "mistral");  // the option counts
  // model_config.model_type names the type when the file itself does not.
  Json inner = with(kLlama, "model_config", parse_json(R"({"model_type": "mistral"})", "test"));
  EXPECT_EQ(read_model_config(inner, "config.json", "auto").model_type(), "llama");
  std::string text = dump_json(inner);
  text.replace(text.find(R"("model_type": "llama", )"), 23, "");
  EXPECT_EQ(read(text).model_type(), "mistral");
  EXPECT_EQ(read(R"({"model_type": "mixformer-sequential"})").model_type(), "phi-msft");
  // "architectures" says nothing.
  EXPECT_NE(message(R"({"architectures": ["LlamaForCausalLM"]})").find("model_type is missing"),
            std::string::npos);
  EXPECT_NE(message("{}", "lama").find("did you mean llama"), std::string::npos);
}

TEST(ModelConfig, FillsInDefaults) {
  ModelConfig config = read(kLlama);
  EXPECT_EQ(field(config, "num_key_value_heads"), "4");
  EXPECT_EQ(field(config, "head_dim"), "32");
  EXPECT_EQ(field(config, "position_embedding_base"), "10000");
  EXPECT_EQ(field(config, "context_window_size"), "4096");
  EXPECT_EQ(field(config, "prefill_chunk_size"), "4096");
  EXPECT_EQ(field(config, "rms_norm_eps"), "1e-05");
  EXPECT_EQ(field(config, "tie_word_embeddings"), "false");
  EXPECT_TRUE(config.warnings.empty());
  // Floats stay floats, and null counts as unset.
  EXPECT_EQ(field(read_with("rope_theta", 500000.0), "position_embedding_base"), "500000.0");
  EXPECT_EQ(field(read_with("head_dim", {}), "head_dim"), "32");
  EXPECT_EQ(field(read_with("max_position_embeddings", 131072), "prefill_chunk_size"), "8192");
}

TEST(ModelConfig, LlamaRopeScaling) {
  auto scaled = [](const char* json) {
    return read_with("rope_scaling", parse_json(json, "test"));
  };
  ModelConfig kept = scaled(R"({"rope_type": "llama3", "factor": 8.0})");
  EXPECT_EQ(field(kept, "rope_scaling"), R"({"rope_type": "llama3", "factor": 8.0})");
  ModelConfig dropped = scaled(R"({"type": "linear", "factor": 2.0})");
  EXPECT_EQ(field(dropped, "rope_scaling"), "null");
  ASSERT_EQ(dropped.warnings.size(), 1u);
  EXPECT_NE(dropped.warnings[0].find("rope_scaling has no rope_type"), std::string::npos);
  EXPECT_EQ(field(scaled(R"({"rope_type": "default"})"), "rope_scaling"), "null");
  EXPECT_THROW(scaled(R"({"rope_type": 3})"), Error);
  EXPECT_THROW(scaled(R"("llama3")"), Error);
}

TEST(ModelConfig, MistralsSlidingWindowReplacesTheContext) {
  auto mistral = [](const std::string& key, Json value) {
    return read_model_config(with(kLlama, key, std::move(value)), "config.json", "mistral");
  };
  ModelConfig sliding = mistral("sliding_window", 1024);
  EXPECT_EQ(field(sliding, "sliding_window_size"), "1024");
  EXPECT_EQ(field(sliding, "context_window_size"), "-1");
  EXPECT_EQ(field(sliding, "prefill_chunk_size"), "1024");
  ModelConfig full = mistral("sliding_window", {});
  EXPECT_EQ(field(full, "sliding_window_size"), "-1");
  EXPECT_EQ(field(full, "context_window_size"), "4096");
  EXPECT_EQ(field(full, "prefill_chunk_size"), "4096");
  EXPECT_THROW(mistral("attention_sink_size", -1), Error);
}

TEST(ModelConfig, PhisContextFallsBackToItsPositions) {
  ModelConfig config = read(R"({"model_type": "phi-msft", "n_inner": null, "n_positions": 9000})");
  EXPECT_EQ(field(config, "n_inner"), "10240");
  EXPECT_EQ(field(config, "context_window_size"), "9000");
  EXPECT_EQ(field(config, "prefill_chunk_size"), "9000");  // no cap
}

TEST(ModelConfig, Longrope) {
  auto phi3 = [](const char* scaling) {
    Json config = with(kLlama, "rope_scaling", parse_json(scaling, "test"));
    config.set("original_max_position_embeddings", 64).set("num_key_value_heads", 4);
    return read_model_config(config, "config.json", "phi3");
  };
  const char* kKnown =
      R"({"factor": 2, "type": "longrope", "rope_type": "longrope", )"
      R"("max_position_embeddings": 4096, "original_max_position_embeddings": 64})";
  EXPECT_EQ(field(phi3(R"({"factor": 2, "type": "su"})"), "rope_scaling"), kKnown);
  EXPECT_EQ(field(phi3(R"({"factor": 2, "type": "longrope"})"), "rope_scaling"), kKnown);
  ModelConfig dropped = phi3(R"({"rope_type": "longrope"})");
  EXPECT_EQ(field(dropped, "rope_scaling"), "null");
  EXPECT_EQ(dropped.warnings.size(), 1u);
  EXPECT_THROW(phi3(R"({"type": "yarn"})"), Error);
}

TEST(ModelConfig, Fp8Blocks) {
  auto qwen3 = [](const char* quantization) {
    Json config = with(kLlama, "quantization_config", parse_json(quantization, "test"));
    config.set("attention_bias", false).set("rope_theta", 10000).set("hidden_act", "silu");
    config.set("num_key_value_heads", 4);
    return read_model_config(config, "config.json", "qwen3");
  };
  auto blocks = [&](const char* json) { return field(qwen3(json), "weight_block_size"); };
  EXPECT_EQ(blocks(R"({"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 64]})"),
            "[128, 64]");
  EXPECT_EQ(blocks(R"({"quant_method": "fp8"})"), "null");
  EXPECT_EQ(blocks(R"({"quant_method": "gptq", "weight_block_size": "x"})"), "null");
  for (const char* wrong :
       {R"({})", R"([])", R"({"quant_method": 8})", R"({"quant_method": "fp8", "fmt": "e5m2"})",
        R"({"quant_method": "fp8", "weight_block_size": [128]})",
        R"({"quant_method": "fp8", "weight_block_size": [128, 0]})",
        R"({"quant_method": "fp8", "weight_block_size": [128, 1.5]})",
        R"({"quant_method": "fp8", "modules_to_not_convert": [1]})"})
    EXPECT_THROW(qwen3(wrong), Error) << wrong;
}

TEST(ModelConfig, ATextConfigLiesOverTheTopLevel) {
  Json text = parse_json(kLlama, "test");
  Json outer = Json::object();
  text.set("tie_word_embeddings", false).set("dtype", "bfloat16");
  text.set("rope_parameters", parse_json(R"({"rope_theta": 5.0, "rope_type": "x"})", "test"));
  outer.set("hidden_size", 7).set("tie_word_embeddings", true).set("text_config", text);
  ModelConfig config = read_model_config(outer, "config.json", "ministral3");
  EXPECT_EQ(field(config, "hidden_size"), "128");
  EXPECT_EQ(field(config, "tie_word_embeddings"), "true");  // the top level's counts here
  EXPECT_EQ(field(config, "dtype"), "\"bfloat16\"");
  EXPECT_EQ(field(config, "position_embedding_base"), "5.0");
  EXPECT_EQ(field(config, "rope_parameters"), R"({"rope_type": "x"})");
  for (const char* wrong : {R"([])", R"("x")"})
    EXPECT_THROW(read_model_config(with(dump_json(outer), "text_config", parse_json(wrong, "test")),
                                   "config.json", "ministral3"),
                 Error);
}

// A nested config keeps what it does not know, and knows it again when it is read a second time.
TEST(ModelConfig, NestedConfigsKeepTheRest) {
  fs::path file = fs::path(MLC_TEST_DATA) / "data" / "configs" / "llava-mistral.json";
  Json source = read_json_file(file.string());
  ModelConfig config = read_model_config(source, "config.json", "llava");
  const Json& text = *config.fields.find("text_config");
  EXPECT_EQ(text.find("kwargs")->find("hidden_act")->as_string("hidden_act"), "silu");
  EXPECT_EQ(text.find("kwargs")->find("rope_theta"), nullptr);  // used up
  ModelConfig again = read_model_config(config.fields, "config.json", "llava");
  EXPECT_EQ(dump_json(again.fields), dump_json(config.fields));
  Json broken = source;
  broken.set("text_config", with(dump_json(*source.find("text_config")), "kwargs", 1));
  EXPECT_THROW(read_model_config(broken, "config.json", "llava"), Error);
  broken = source;
  broken.set("text_config", Json::object());
  try {
    read_model_config(broken, "config.json", "llava");
    ADD_FAILURE();
  } catch (const Error& e) {
    std::string message = e.what();
    EXPECT_NE(message.find("config.json: text_config: hidden_size, "), std::string::npos)
        << message;
  }
}

TEST(ModelConfig, RefusesMoreKeysThanAnyConfigHas) {
  std::string keys;
  for (int i = 0; i < 5000; i++)
    keys += ", \"k" + std::to_string(i) + "\": 1";
  std::string top = kLlama;
  EXPECT_NE(message(top.insert(top.size() - 1, keys)).find(" keys, more than the 4096"),
            std::string::npos);
  std::string text = kLlama;
  std::string outer = "{\"text_config\": " + text.insert(text.size() - 1, keys) + "}";
  EXPECT_NE(message(outer, "ministral3").find("more than the 4096"), std::string::npos);
  EXPECT_NE(message(outer, "gemma3").find("more than the 4096"), std::string::npos);
}

// A text model that is only named.
TEST(ModelConfig, LlavaKnowsFourTextModelsByName) {
  Json source = read_json_file(
      (fs::path(MLC_TEST_DATA) / "data" / "configs" / "llava-mistral.json").string());
  Json named = Json::object();
  named.set("_name_or_path", "lmsys/vicuna-7b-v1.5").set("vocab_size", 32064);
  source.set("text_config", named);
  ModelConfig config = read_model_config(source, "config.json", "llava");
  EXPECT_EQ(field(config, "text_architecture"), "\"LlamaForCausalLM\"");
  EXPECT_EQ(dump_json(*config.fields.find("text_config")->find("hidden_size")), "4096");
  EXPECT_EQ(dump_json(*config.fields.find("text_config")->find("vocab_size")), "32000");
  named.set("_name_or_path", "somewhere/else");
  source.set("text_config", named);
  EXPECT_THROW(read_model_config(source, "config.json", "llava"), Error);
}

// gen_config reads the fields a second time, after its overrides.
TEST(ModelConfig, ReadsItsOwnFieldsAgain) {
  ModelConfig config = read(kLlama);
  Json fields = config.fields;
  EXPECT_EQ(dump_json(read_model_config(fields, "config.json", "llama").fields), dump_json(fields));
  fields.set("context_window_size", 100);
  EXPECT_EQ(field(read_model_config(fields, "config.json", "llama"), "prefill_chunk_size"), "100");
}

}  // namespace
}  // namespace mlc
