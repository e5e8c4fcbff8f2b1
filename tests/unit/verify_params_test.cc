// Level *params*: a clean model has no finding, and each way to make config, params and tokenizer
// disagree has its own id.
#include <algorithm>
#include <map>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/tensor_cache.h"
#include "models/models.h"
#include "tests/unit/verify_folder.h"
#include "verify/params_records.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Ids = std::vector<std::string>;

// The template whose stop token and stop text are kjv-llama's.
constexpr const char* kTemplate = "gpt_bigcode";

// A tokenizer of `size` tokens that are letters and numbers.
std::string small_tokenizer(int size) {
  Json vocab = Json::object();
  for (int i = 0; i < size; i++)
    vocab.set(fmt::format("t{}", i), i);
  Json json = Json::object();
  json.set("version", "1.0").set("added_tokens", Json::array());
  json.set("pre_tokenizer", Json::object().set("type", "ByteLevel").set("add_prefix_space", false));
  json.set("decoder", Json::object().set("type", "ByteLevel"));
  json.set("model", Json::object()
                        .set("type", "BPE")
                        .set("vocab", std::move(vocab))
                        .set("merges", Json::array()));
  return dump_json(json);
}

class VerifyParams : public VerifyTest {
 protected:
  static void SetUpTestSuite() {
    clean_ = (fs::temp_directory_path() / ("mlc-clean-" + std::to_string(::getpid()))).string();
    fs::remove_all(clean_);
    write_model(kKjv, "q4f16_1", kTemplate, clean_);
  }
  static void TearDownTestSuite() { fs::remove_all(clean_); }

  void SetUp() override {
    VerifyTest::SetUp();
    copy_model(clean_);
  }

  Ids params() { return verify({Level::kParam}); }
  Ids with_source(const std::string& source = kKjv) {
    options_.source = source;
    return params();
  }

  // mlc-chat-config.json with one member changed; "a.b" is b of the object a.
  void set(const std::string& name, Json value) {
    Json config = read_json_file(path("mlc-chat-config.json"));
    std::size_t dot = name.find('.');
    if (dot == std::string::npos) {
      config.set(name, std::move(value));
    } else {
      Json inner = *config.find(name.substr(0, dot));
      inner.set(name.substr(dot + 1), std::move(value));
      config.set(name.substr(0, dot), std::move(inner));
    }
    write("mlc-chat-config.json", dump_json(config, 2));
  }
  void set_field(const std::string& name, Json value) {
    set("model_config." + name, std::move(value));
  }

  template <class Change>
  void change_index(Change change) {
    TensorCache cache = read_tensor_cache(path("tensor-cache.json"));
    change(cache);
    write("tensor-cache.json", write_tensor_cache(cache));
    write("ndarray-cache.json", write_tensor_cache(cache));
  }
  static Record& record(TensorCache& cache, const std::string& name) {
    for (Shard& shard : cache.shards)
      for (Record& found : shard.records)
        if (found.name == name) return found;
    throw std::runtime_error("no record " + name);
  }

  // The checkpoint with one file replaced; the others are links.
  std::string source_with(const std::string& name, const std::string& bytes) {
    fs::path folder = root_ / "source";
    fs::remove_all(folder);
    fs::create_directories(folder);
    for (const auto& entry : fs::directory_iterator(kKjv))
      if (entry.is_regular_file() && entry.path().filename() != name)
        fs::create_symlink(entry.path(), folder / entry.path().filename());
    write_file_atomically((folder / name).string(), bytes);
    return folder.string();
  }

  static std::string clean_;
};
std::string VerifyParams::clean_;

TEST_F(VerifyParams, ACleanModelHasNoFinding) {
  EXPECT_THAT(params(), IsEmpty());
  EXPECT_EQ(report_->params->records, 65U);
  EXPECT_EQ(report_->params->expected, 65U);
  EXPECT_EQ(report_->params->tokenizer_size, 2048);
  EXPECT_EQ(report_->params->conv_template, kTemplate);
  EXPECT_THAT(with_source(), IsEmpty());
  EXPECT_THAT(verify({Level::kFile, Level::kParam}), IsEmpty());
}

TEST_F(VerifyParams, OtherQuantizationsAreCleanToo) {
  for (const char* quantization : {"q0f32", "q0bf16", "q3f16_0", "q4f16_2", "e4m3_e4m3_f16"}) {
    fs::remove_all(model_);
    write_model(kKjv, quantization, kTemplate, model_);
    EXPECT_THAT(with_source(), IsEmpty()) << quantization;
  }
}

TEST_F(VerifyParams, NoConfig) {
  remove_file(path("mlc-chat-config.json"));
  EXPECT_THAT(params(), ElementsAre("P01"));
}

TEST_F(VerifyParams, ConfigsThatDescribeNoModel) {
  for (const char* text : {"", "{}", "[]", "{\"quantization\": 3, \"model_config\": {}}",
                           "{\"quantization\": \"q4f16_1\", \"model_type\": \"llama\", "
                           "\"model_config\": {}}"}) {
    write("mlc-chat-config.json", text);
    EXPECT_THAT(params(), ElementsAre("P02")) << text;
  }
  for (Json value :
       {Json(-8), Json(0), Json("8"), Json(1e9), Json(std::int64_t{1} << 60), Json(7)}) {
    copy_model(clean_);
    set_field("num_attention_heads", value);
    set_field("head_dim", Json());
    EXPECT_THAT(params(), Contains("P02")) << dump_json(value);
  }
  copy_model(clean_);
  set("model_type", "lama");
  EXPECT_THAT(params(), ElementsAre("P02"));
  EXPECT_THAT(finding("P02").found, HasSubstr("llama"));
}

TEST_F(VerifyParams, TemplatesThatAreNone) {
  set("conv_template", Json());
  EXPECT_THAT(params(), ElementsAre("P02"));
  set("conv_template", Json::object());
  EXPECT_THAT(params(), Contains("P02"));
  copy_model(clean_);
  set("conv_template.seps", Json::array());
  EXPECT_THAT(params(), ElementsAre("P02", "P22"));
  Json config = Json::object();
  const Json whole = read_json_file(path("mlc-chat-config.json"));
  for (const Json::Member& member : whole.members("config"))
    if (member.first != "conv_template") config.set(member.first, member.second);
  write("mlc-chat-config.json", dump_json(config));
  EXPECT_THAT(params(), ElementsAre("P02"));
  set("model_task", "embedding");
  EXPECT_THAT(params(), IsEmpty());
}

// Work that grows with the square of such texts and lists would take hours.
TEST_F(VerifyParams, HostileTemplates) {
  set("conv_template.role_content_sep", std::string(1 << 20, '<') + ">");
  EXPECT_THAT(params(), ElementsAre("P22"));
  copy_model(clean_);
  Json ids = Json::array();
  for (int i = 2000; i < 200000; i++)
    ids.push(i);
  set("eos_token_id", ids);
  for (int i = 0; i < 100; i++)
    ids.push(i);
  set("conv_template.stop_token_ids", ids);
  EXPECT_THAT(params(), ElementsAre("P19"));
}

// A plan far larger than the folder must not be searched for what is wrong with it.
TEST_F(VerifyParams, FarTooManyParams) {
  set_field("num_hidden_layers", 2000);
  EXPECT_THAT(params(), ElementsAre("P11"));
  set("quantization", "q9");
  EXPECT_THAT(params(), ElementsAre("P03"));
}

TEST_F(VerifyParams, AnUnknownQuantizationIsNamed) {
  set("quantization", "q5f16_1");
  EXPECT_THAT(params(), ElementsAre("P03"));
  EXPECT_THAT(finding("P03").expected, HasSubstr("q4f16_1"));
}

TEST_F(VerifyParams, MissingAndExtraParams) {
  change_index(
      [](TensorCache& cache) { record(cache, "model.norm.weight").name = "model.norm.w"; });
  EXPECT_THAT(params(), ElementsAre("P04", "P05"));
  EXPECT_EQ(finding("P04").where, "tensor-cache.json: model.norm.weight");
  EXPECT_EQ(finding("P05").where, "tensor-cache.json: model.norm.w");
}

TEST_F(VerifyParams, ShapesDtypesAndLayouts) {
  const std::string norm = "model.norm.weight";
  const std::string codes = "model.layers.2.mlp.down_proj.q_weight";
  change_index([&](TensorCache& cache) { record(cache, norm).shape = {16, 16}; });
  EXPECT_THAT(params(), ElementsAre("P06"));
  EXPECT_EQ(finding("P06").found, "[16, 16] float16");
  EXPECT_EQ(finding("P06").expected, "[256] float16");

  copy_model(clean_);
  change_index([&](TensorCache& cache) { record(cache, norm).dtype = DType::kBF16; });
  EXPECT_THAT(params(), ElementsAre("P07"));

  copy_model(clean_);
  change_index([&](TensorCache& cache) {
    std::vector<std::int64_t>& shape = record(cache, codes).shape;
    std::reverse(shape.begin(), shape.end());
  });
  EXPECT_THAT(params(), ElementsAre("P08"));
  EXPECT_EQ(finding("P08").where, "tensor-cache.json: " + codes);
}

// Wrong head count and its like, proven by shapes alone.
TEST_F(VerifyParams, AWrongNumberOfTheConfigIsNamedWithTheRightOne) {
  struct Case {
    const char* field;
    int wrong, right;
  };
  for (const Case& c : {Case{"num_attention_heads", 4, 8}, Case{"num_key_value_heads", 8, 4},
                        Case{"num_hidden_layers", 5, 6}, Case{"num_hidden_layers", 12, 6},
                        Case{"intermediate_size", 640, 704}, Case{"hidden_size", 512, 256},
                        Case{"head_dim", 64, 32}}) {
    copy_model(clean_);
    set_field(c.field, c.wrong);
    EXPECT_THAT(params(), ElementsAre("P09")) << c.field;
    EXPECT_EQ(finding("P09").where, std::string("mlc-chat-config.json: model_config.") + c.field);
    EXPECT_THAT(finding("P09").expected, HasSubstr(std::to_string(c.right)));
    EXPECT_THAT(with_source(), ElementsAre("P09", "P28"));
    options_.source.clear();
  }
}

TEST_F(VerifyParams, AnotherQuantizationIsNamed) {
  set("quantization", "q3f16_1");
  EXPECT_THAT(params(), ElementsAre("P10"));
  EXPECT_THAT(finding("P10").expected, HasSubstr("q4f16_1"));
  // The index of another conversion.
  copy_model(clean_);
  std::string other = (root_ / "other").string();
  write_model(kKjv, "q4f16_0", kTemplate, other);
  fs::copy(other + "/tensor-cache.json", path("tensor-cache.json"),
           fs::copy_options::overwrite_existing);
  EXPECT_THAT(params(), ElementsAre("P10"));
  EXPECT_THAT(finding("P10").expected, HasSubstr("q4f16_0"));
}

TEST_F(VerifyParams, TheIndexOfAnotherModel) {
  change_index([](TensorCache& cache) {
    for (Shard& shard : cache.shards)
      for (Record& found : shard.records)
        found.name = "transformer." + found.name;
  });
  EXPECT_THAT(params(), ElementsAre("P11"));
  EXPECT_THAT(finding("P11").found, HasSubstr("0 of 65"));
}

TEST_F(VerifyParams, TheOrderOfTheSource) {
  change_index([](TensorCache& cache) {
    std::swap(record(cache, "model.layers.0.input_layernorm.weight").name,
              record(cache, "model.layers.1.input_layernorm.weight").name);
  });
  EXPECT_THAT(params(), IsEmpty());
  EXPECT_THAT(with_source(), ElementsAre("P12"));
}

TEST_F(VerifyParams, RowsOfTheVocabulary) {
  set_field("vocab_size", 4096);
  EXPECT_THAT(params(), ElementsAre("P27"));
  set("vocab_size", 4096);
  EXPECT_THAT(params(), ElementsAre("P13"));
  EXPECT_EQ(finding("P13").found, "2048 rows");
  // Embedding and head of different vocabularies.
  copy_model(clean_);
  change_index([](TensorCache& cache) {
    std::vector<Record>& records = cache.shards[0].records;
    for (const char* name : {"lm_head.q_weight", "lm_head.q_scale"}) {
      Record& head = record(cache, name);
      head.shape[0] /= 2;
      head.nbytes /= 2;
      Record rest = head;
      rest.name += ".rest";
      rest.byte_offset += rest.nbytes;
      records.push_back(rest);
    }
  });
  EXPECT_THAT(params(), Contains("P13"));
}

TEST_F(VerifyParams, MissingTokenizerFiles) {
  remove_file(path("tokenizer_config.json"));
  EXPECT_THAT(params(), ElementsAre("P14"));
  remove_file(path("tokenizer.json"));
  EXPECT_THAT(params(), ElementsAre("P14"));
  EXPECT_EQ(report_->findings.count("P14"), 2U);
  set("tokenizer_files", Json::array());
  EXPECT_THAT(params(), ElementsAre("P15"));
}

TEST_F(VerifyParams, ATokenizerThatCannotBeRead) {
  Json unknown = read_json_file(path("tokenizer.json"));
  unknown.set("decoder", Json::object().set("type", "Rot13"));
  for (const std::string& bytes : {std::string("{"), dump_json(unknown)}) {
    write("tokenizer.json", bytes);
    EXPECT_THAT(params(), ElementsAre("P15"));
  }
}

TEST_F(VerifyParams, TheTokenizerOfAnotherModel) {
  write("tokenizer.json", small_tokenizer(300));
  EXPECT_THAT(params(), AllOf(Contains("P16"), Not(Contains("P17"))));
  EXPECT_EQ(finding("P16").found, "301 tokens");  // with <|endoftext|> of tokenizer_config.json
  EXPECT_THAT(params(), Contains("P18"));
  EXPECT_EQ(finding("P18").found, "<|endoftext|>");
  EXPECT_THAT(with_source(), Contains("P30"));

  write("tokenizer.json", small_tokenizer(3000));
  EXPECT_THAT(params(), AllOf(Contains("P16"), Contains("P17")));
  EXPECT_EQ(finding("P17").found, "ids up to 2999");
}

TEST_F(VerifyParams, TokensThatTheTokenizerDoesNotHave) {
  set("conv_template.stop_token_ids", Json::array());
  EXPECT_THAT(params(), ElementsAre("P22"));  // the stop text is <|endoftext|>
  Json ids = Json::array();
  ids.push(0);
  ids.push(151645);
  set("conv_template.stop_token_ids", ids);
  EXPECT_THAT(params(), ElementsAre("P19"));
  EXPECT_EQ(finding("P19").found, "151645");
}

TEST_F(VerifyParams, AWrongStopToken) {
  Json ids = Json::array();
  ids.push(5);
  set("conv_template.stop_token_ids", ids);
  set("conv_template.stop_str", Json::array());
  EXPECT_THAT(params(), ElementsAre("P22", "P20"));
  EXPECT_EQ(finding("P20").found, "5");
  EXPECT_EQ(finding("P20").expected, "also 0");
  EXPECT_EQ(finding("P22").where, "mlc-chat-config.json: conv_template.stop_str");

  copy_model(clean_);
  set("eos_token_id", 7);
  EXPECT_THAT(params(), ElementsAre("P20"));
  EXPECT_THAT(with_source(), ElementsAre("P28", "P20"));
  EXPECT_EQ(finding("P28").where, "mlc-chat-config.json: eos_token_id");
}

TEST_F(VerifyParams, AWrongTemplate) {
  // Another one's name.
  set("conv_template.name", "llama-3");
  EXPECT_THAT(params(), Contains("P22"));
  // Another one as a whole: the tokenizer has no such marks, nor such tokens.
  set("conv_template", conv_template_json(*find_conv_template("llama-3")));
  EXPECT_THAT(params(), AllOf(Contains("P19"), Contains("P20"), Contains("P21")));
  EXPECT_THAT(finding("P21").found, HasSubstr("<|eot_id|>"));
  set("conv_template", conv_template_json(*find_conv_template("chatml")));
  EXPECT_THAT(params(), ElementsAre("P21", "P20"));
  // By name alone, as files of 2024 have it.
  set("conv_template", "chatml");
  EXPECT_THAT(params(), ElementsAre("P21", "P20"));
  set("conv_template", kTemplate);
  EXPECT_THAT(params(), IsEmpty());
}

TEST_F(VerifyParams, WhatATemplateMayChange) {
  set("conv_template.system_message", "Answer in verse.");
  EXPECT_THAT(with_source(), IsEmpty());
  set("conv_template.name", "my own");
  EXPECT_THAT(with_source(), ElementsAre("P23"));
  EXPECT_EQ(report_->findings.count(Severity::kWarning), 0U);
  for (const char* name : {"user", "seps", "role_content_sep", "role_empty_sep"}) {
    copy_model(clean_);
    Json value = "x";
    if (std::string(name) == "seps") {
      value = Json::array();
      value.push("x");
    }
    if (std::string(name) == "user")
      set("conv_template.roles", Json::object().set("user", "x").set("assistant", ""));
    else
      set(std::string("conv_template.") + name, value);
    EXPECT_THAT(params(), ElementsAre("P22")) << name;
  }
}

constexpr const char* kChatml =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

TEST_F(VerifyParams, TheChatTemplateOfTheCheckpoint) {
  Json tokenizer = read_json_file(kKjv + "/tokenizer_config.json");
  tokenizer.set("chat_template", kChatml);
  std::string text = dump_json(tokenizer, 2);
  write("tokenizer_config.json", text);
  EXPECT_THAT(params(), ElementsAre("P25"));
  EXPECT_THAT(with_source(source_with("tokenizer_config.json", text)), ElementsAre("P24", "P25"));
  EXPECT_THAT(finding("P24").expected, HasSubstr("chatml"));
  // The right one, although the tokenizer has no such tokens: the checkpoint says so.
  set("conv_template", conv_template_json(*find_conv_template("chatml")));
  EXPECT_THAT(params(), ElementsAre("P20"));
  // One that can't be run.
  tokenizer.set("chat_template", "{% for %}");
  write("tokenizer_config.json", dump_json(tokenizer, 2));
  options_.source.clear();
  EXPECT_THAT(params(), Contains("P25"));
}

TEST_F(VerifyParams, TokenizerInfo) {
  set("tokenizer_info.prepend_space_in_encode", true);
  EXPECT_THAT(params(), ElementsAre("P26"));
}

// What no shape can show.
TEST_F(VerifyParams, WrongNumbersAgainstTheSource) {
  struct Case {
    const char* field;
    Json wrong;
    const char *found, *expected;
  };
  const Case cases[] = {
      {"position_embedding_base", Json(500000), "500000", "10000.0"},
      {"rms_norm_eps", Json(1e-6), "1e-06", "1e-05"},
      {"tie_word_embeddings", Json(true), "true", "false"},
  };
  for (const Case& c : cases) {
    copy_model(clean_);
    set_field(c.field, c.wrong);
    EXPECT_THAT(with_source(), Contains("P28")) << c.field;
    EXPECT_EQ(finding("P28").where, std::string("mlc-chat-config.json: model_config.") + c.field);
    EXPECT_EQ(finding("P28").found, c.found);
    EXPECT_EQ(finding("P28").expected, c.expected);
  }
  // The same numbers, written in another way.
  copy_model(clean_);
  set_field("position_embedding_base", 10000);
  EXPECT_THAT(with_source(), IsEmpty());
}

TEST_F(VerifyParams, OptionsOfGenConfigAreNoMistakes) {
  set_field("context_window_size", 256);
  set("context_window_size", 256);
  set_field("prefill_chunk_size", 128);
  set("prefill_chunk_size", 128);
  set_field("max_batch_size", 4);
  EXPECT_THAT(with_source(), IsEmpty());
  set_field("context_window_size", 8192);
  set("context_window_size", 8192);
  EXPECT_THAT(with_source(), ElementsAre("P31"));
  set("temperature", 0.1);
  EXPECT_THAT(with_source(), ElementsAre("P31", "P29"));
  EXPECT_EQ(report_->findings.count(Severity::kError), 0U);
}

TEST_F(VerifyParams, TokenizerFilesAreTheSources) {
  write("tokenizer.json", text("tokenizer.json") + "\n");
  EXPECT_THAT(params(), IsEmpty());
  EXPECT_THAT(with_source(), ElementsAre("P30"));
  EXPECT_EQ(finding("P30").where, "tokenizer.json");
}

TEST_F(VerifyParams, SourcesThatSayNothing) {
  fs::create_directories(root_ / "empty");
  EXPECT_THAT(with_source((root_ / "empty").string()), ElementsAre("P32"));
  EXPECT_THAT(with_source(source_with("config.json", "{")), ElementsAre("P32"));
  // Its weights are named: their config lies beside them.
  EXPECT_THAT(with_source(kKjv + "/model.safetensors"), IsEmpty());
}

TEST_F(VerifyParams, TheSourceOfAnotherModelType) {
  std::string config = read_file(kKjv + "/config.json", 1 << 20);
  config.replace(config.find("\"model_type\": \"llama\""), 21, "\"model_type\": \"mistral\"");
  EXPECT_THAT(with_source(source_with("config.json", config)), Contains("P28"));
  EXPECT_EQ(finding("P28").expected, "mistral");
}

TEST_F(VerifyParams, RunsWithoutShards) {
  remove_file(path("params_shard_0.bin"));
  EXPECT_THAT(verify({Level::kFile, Level::kParam}), ElementsAre("F06"));
  EXPECT_EQ(report_->ran.size(), 2U);
  remove_file(path("tensor-cache.json"));
  remove_file(path("ndarray-cache.json"));
  EXPECT_THAT(verify({Level::kFile, Level::kParam}), ElementsAre("F01"));
}

// What mlc-chat-config.json keeps of a config.json is enough to make the same plan again.
TEST(VerifyPlans, AreTheSameFromModelConfig) {
  std::size_t checked = 0;
  for (const auto& entry : fs::directory_iterator(MLC_TEST_DATA "/data/configs")) {
    std::string path = entry.path().string();
    if (!path.ends_with(".json") || path.ends_with(".model_config.json")) continue;
    ModelConfig source = load_model_config(path, "auto");
    ModelConfig again = read_model_config(source.fields, path, source.model_type());
    const Quantization& q0f16 = *find_quantization("q0f16");
    std::vector<PlanRecord> wanted = expected_records(source, q0f16, {}).records;
    std::vector<PlanRecord> found = expected_records(again, q0f16, {}).records;
    ASSERT_EQ(found.size(), wanted.size()) << path;
    for (std::size_t i = 0; i < wanted.size(); i++) {
      EXPECT_EQ(found[i].name, wanted[i].name) << path;
      EXPECT_EQ(found[i].shape, wanted[i].shape) << path << " " << wanted[i].name;
      EXPECT_EQ(found[i].dtype, wanted[i].dtype) << path << " " << wanted[i].name;
    }
    checked++;
  }
  EXPECT_GE(checked, 60U);
}

// Configs that the real gen_config wrote for checkpoints of the large families: a folder of params
// as they describe them, and the checkpoint's own config.json as the source.
TEST_F(VerifyParams, RealConfigsFitTheirSources) {
  std::size_t checked = 0;
  for (const auto& entry : fs::directory_iterator(MLC_TEST_DATA "/golden/gen_config")) {
    std::string chat = entry.path().string() + "/mlc-chat-config.json";
    std::string input = entry.path().string() + "/input";
    if (!fs::exists(chat) || !fs::exists(input + "/config.json")) continue;
    fs::remove_all(model_);
    fs::create_directories(model_);
    fs::copy(chat, path("mlc-chat-config.json"));
    Json config = read_json_file(chat);
    ModelConfig model = load_model_config(input, "auto");
    const Quantization& quantization =
        *find_quantization(config.find("quantization")->as_string("quantization"));
    TensorCache cache;
    cache.shards.resize(1);
    Shard& shard = cache.shards[0];
    shard.data_path = "params_shard_0.bin";
    for (const PlanRecord& r : expected_records(model, quantization, {}).records) {
      shard.records.push_back({.name = r.name,
                               .shape = r.shape,
                               .dtype = r.dtype,
                               .nbytes = r.nbytes,
                               .byte_offset = shard.nbytes});
      shard.nbytes += r.nbytes;
    }
    write("tensor-cache.json", write_tensor_cache(cache));
    with_source(input);
    for (const char* id : {"P02", "P03", "P04", "P05", "P06", "P07", "P08", "P09", "P10", "P11",
                           "P13", "P22", "P23", "P27", "P28", "P29"})
      EXPECT_FALSE(report_->findings.has(id))
          << entry.path() << " " << id << ": " << finding(id).where << ": " << finding(id).found
          << " against " << finding(id).expected;
    checked++;
  }
  EXPECT_GE(checked, 20U);
}

}  // namespace
}  // namespace mlc
