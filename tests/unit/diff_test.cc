// `mlc diff`: what differs between two model folders, and what does not.
#include "verify/diff.h"

#include <cmath>
#include <cstring>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/half.h"
#include "base/tensor_cache.h"
#include "tests/unit/model_folder.h"
#include "verify/levels.h"

namespace mlc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> paths(const ValueDifferences& differences) {
  std::vector<std::string> found;
  for (const ValueDifference& d : differences.kept) {
    std::string text = d.path + ": ";
    text += (d.a ? dump_json(*d.a) : "-") + " " + (d.b ? dump_json(*d.b) : "-");
    found.push_back(text);
  }
  return found;
}

std::vector<std::string> compare(const char* a, const char* b, JsonForm form = JsonForm::kPlain) {
  return paths(compare_leaves(JsonLeaves(a, "a", form), JsonLeaves(b, "b", form)));
}

TEST(JsonDifferences, NameTheirPathsAndBothValues) {
  EXPECT_THAT(
      compare(R"({"a": {"b": [1, {"c": "x"}]}, "d": null, "e.f": true, "": 1})",
              R"({"d": 0, "a": {"b": [1, {"c": "y"}, 3]}, "e.f": false, "": 1})"),
      ElementsAre("a.b[1].c: \"x\" \"y\"", "d: null 0", "[\"e.f\"]: true false", "a.b[2]: - 3"));
}

TEST(JsonDifferences, NumbersAreComparedByValueAndMembersWithoutOrder) {
  EXPECT_THAT(compare(R"({"a": 1e2, "b": 0.10, "c": 7})", R"({"c": 7, "b": 0.1, "a": 100.0})"),
              IsEmpty());
  EXPECT_THAT(
      compare(R"([1, 2.5, 12345678901234567890123])", R"([1.0, 2.25, 12345678901234567890124])"),
      ElementsAre("[0]: 1 1.0", "[1]: 2.5 2.25",
                  "[2]: 12345678901234567890123 12345678901234567890124"));
}

TEST(JsonDifferences, EmptyAndFilledContainersDiffer) {
  EXPECT_THAT(compare(R"({"a": [], "b": {}})", R"({"a": {}, "b": {"c": 1}})"),
              ElementsAre("a: [] {}", "b: {} -", "b.c: - 1"));
  EXPECT_THAT(compare("1", "2"), ElementsAre(": 1 2"));
}

TEST(JsonDifferences, AreCountedBeyondWhatIsKept) {
  std::string a = "[0";
  std::string b = "[1";
  for (int i = 0; i < 1500; i++) {
    a += ",0";
    b += ",1";
  }
  ValueDifferences found = compare_leaves(JsonLeaves(a + "]", "a", JsonForm::kPlain),
                                          JsonLeaves(b + "]", "b", JsonForm::kPlain));
  EXPECT_EQ(found.count, 1501U);
  EXPECT_EQ(found.kept.size(), ValueDifferences::kKept);
}

// A long key over many values would take memory far beyond the text's.
TEST(JsonDifferences, PathsAreBounded) {
  std::string text = "{\"" + std::string(1 << 20, 'k') + "\": [0";
  for (int i = 0; i < 300; i++)
    text += ",0";
  text += "]}";
  try {
    JsonLeaves leaves(text, "FILE", JsonForm::kPlain);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadInput);
    EXPECT_THAT(error.what(), HasSubstr("FILE: the paths of its values"));
  }
}

TEST(TokenizerDifferences, VocabularyByToken) {
  EXPECT_THAT(
      compare(R"({"model": {"vocab": {"a": 0, "b": 1, "a.b": 2}}})",
              R"({"model": {"vocab": {"b": 0, "a": 1, "\u0000": 2}}})", JsonForm::kTokenizer),
      ElementsAre(R"(model.vocab["a"]: 0 1)", R"(model.vocab["b"]: 1 0)",
                  R"(model.vocab["a.b"]: 2 -)", R"(model.vocab["\u0000"]: - 2)"));
  EXPECT_THAT(compare(R"({"model": {"vocab": [["a", -1.5], ["b", -2.0], ["b", -3.0]]}})",
                      R"({"model": {"vocab": [["b", -2.0], ["a", -1.25], ["b", -3.0]]}})",
                      JsonForm::kTokenizer),
              ElementsAre(R"(model.vocab["a"].id: 0 1)", R"(model.vocab["a"].score: -1.5 -1.25)",
                          R"(model.vocab["b"].id: 1 0)"));
}

TEST(TokenizerDifferences, MergesByPresenceAndOrder) {
  auto merges = [](const char* list) {
    return fmt::format(R"({{"model": {{"merges": {}}}}})", list);
  };
  auto differ = [&](const char* a, const char* b) {
    return compare(merges(a).c_str(), merges(b).c_str(), JsonForm::kTokenizer);
  };
  EXPECT_THAT(differ(R"(["t h", "i n", "a n"])", R"([["t", "h"], ["i", "n"], ["a", "n"]])"),
              IsEmpty());
  // What follows a missing one is not out of order.
  EXPECT_THAT(differ(R"(["t h", "i n", "a n"])", R"(["t h", "a n", "o n"])"),
              ElementsAre(R"(model.merges["i n"]: 1 -)", R"(model.merges["o n"]: - 2)"));
  EXPECT_THAT(differ(R"(["t h", "i n", "a n"])", R"(["t h", "a n", "i n"])"),
              ElementsAre(R"(model.merges["i n"]: 1 2)"));
  EXPECT_THAT(
      differ(R"([["a b", "c"]])", R"([["a", "b c"]])"),
      ElementsAre(R"(model.merges[["a b"], ["c"]]: 0 -)", R"(model.merges[["a"], ["b c"]]: - 0)"));
  // Not merges at all, but still compared.
  EXPECT_THAT(differ(R"([1, ["a", "b", "c"]])", R"([2, ["a", "b", "d"]])"),
              ElementsAre("model.merges[0]: 1 2", R"(model.merges[1][2]: "c" "d")"));
}

TEST(TokenizerDifferences, AddedTokensByContentAndEverythingElseByPath) {
  EXPECT_THAT(
      compare(
          R"({"added_tokens": [{"id": 0, "content": "<s>", "special": true}, {"id": 1, "content": "x"}],
                  "normalizer": {"type": "NFC"}})",
          R"({"added_tokens": [{"id": 1, "content": "x"}, {"id": 0, "content": "<s>", "special": false}],
                  "normalizer": null})",
          JsonForm::kTokenizer),
      ElementsAre(R"(added_tokens["<s>"].special: true false)", R"(normalizer.type: "NFC" -)",
                  "normalizer: - null"));
}

// Folders.
class DiffTest : public ModelFolderTest {
 protected:
  void SetUp() override {
    ModelFolderTest::SetUp();
    make_checkpoint(small_llama(), *find_quantization("q4f16_1"), DType::kF32);
  }

  std::string convert(const std::string& quantization, const std::string& name,
                      const std::string& method = "rtn") const {
    ConvertOptions options = options_for(quantization, checkpoint_path());
    options.output = root_ + "/" + name;
    options.method = method;
    return make_model(options);
  }

  std::string copy_of(const std::string& folder, const std::string& name) const {
    std::string to = root_ + "/" + name;
    std::filesystem::remove_all(to);
    std::filesystem::copy(folder, to, std::filesystem::copy_options::recursive);
    return to;
  }

  static Diff diff(const std::string& a, const std::string& b, unsigned threads = 2) {
    SilentReporter reporter;
    return run_diff({.a = a, .b = b, .threads = threads}, reporter);
  }

  // Flips bits of the `offset`th byte of a record.
  static void flip(const std::string& folder, const std::string& name, std::uint64_t offset,
                   char bits) {
    for (const Shard& shard : read_tensor_cache(folder + "/tensor-cache.json").shards)
      for (const Record& record : shard.records) {
        if (record.name != name) continue;
        std::fstream file(folder + "/" + shard.data_path,
                          std::ios::in | std::ios::out | std::ios::binary);
        auto at = static_cast<std::streamoff>(record.byte_offset + offset);
        file.seekg(at);
        auto byte = static_cast<char>(file.get());
        file.seekp(at);
        file.put(static_cast<char>(byte ^ bits));
        return;
      }
    FAIL() << name;
  }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  static void replace_in(const std::string& path, const std::string& from, const std::string& to) {
    std::string text = read_file(path, 1 << 24);
    std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write(path, text.replace(at, from.size(), to));
  }
};

const ParamDifference* find(const Diff& diff, const std::string& name) {
  for (const ParamDifference& d : diff.params)
    if (d.name == name) return &d;
  return nullptr;
}

constexpr const char* kDown = "model.layers.1.mlp.down_proj";

TEST_F(DiffTest, AFolderEqualsItselfAndItsCopy) {
  std::string a = convert("q4f16_1", "a");
  for (const std::string& b : {a, copy_of(a, "b")}) {
    Diff d = diff(a, b);
    EXPECT_TRUE(d.equal());
    EXPECT_EQ(d.equal_params, d.a.params);
    EXPECT_EQ(d.a.quantization, "q4f16_1");
    EXPECT_THAT(diff_text(d, {.brief = true}), testing::StartsWith("equal: "));
    EXPECT_TRUE(diff_json(d).find("equal")->as_bool(""));
  }
}

TEST_F(DiffTest, OneBitOfACodeOfAScaleAndOfANorm) {
  std::string a = convert("q4f16_1", "a");
  std::string b = copy_of(a, "b");
  // Row 2, word 5, the third code: down_proj is [128, 256], 32 words a row.
  flip(b, std::string(kDown) + ".q_weight", 4 * (2 * 32 + 5) + 1, 0x01);
  flip(b, "model.layers.2.self_attn.o_proj.q_scale", 2 * 7 + 1, '\x80');
  flip(b, "model.norm.weight", 2 * 100, 0x01);
  Diff d = diff(a, b);
  ASSERT_EQ(d.params.size(), 3U);
  const ParamDifference* code = find(d, std::string(kDown) + ".weight");
  ASSERT_NE(code, nullptr);
  EXPECT_EQ(code->rule->id, "D04");
  EXPECT_EQ(code->words, 128U * 32);
  EXPECT_EQ(code->different_words, 1U);
  EXPECT_EQ(code->scales, 128U * 8);
  EXPECT_EQ(code->different_scales, 0U);
  EXPECT_EQ(code->different, 1U);
  EXPECT_THAT(code->max_error_at, ElementsAre(2, 5 * 8 + 2));
  EXPECT_DOUBLE_EQ(code->max_error, std::abs(code->a_value - code->b_value));
  EXPECT_DOUBLE_EQ(code->square_error, code->max_error * code->max_error);
  EXPECT_DOUBLE_EQ(code->relative_mse, code->square_error / code->square_a);
  // The sign of a scale turns 32 values around, but not those that are 0.
  const ParamDifference* scale = find(d, "model.layers.2.self_attn.o_proj.weight");
  ASSERT_NE(scale, nullptr);
  EXPECT_EQ(scale->different_words, 0U);
  EXPECT_EQ(scale->different_scales, 1U);
  EXPECT_GT(scale->different, 16U);
  EXPECT_LE(scale->different, 32U);
  EXPECT_DOUBLE_EQ(scale->max_error, 2 * std::abs(scale->a_value));
  const ParamDifference* norm = find(d, "model.norm.weight");
  ASSERT_NE(norm, nullptr);
  EXPECT_THAT(norm->max_error_at, ElementsAre(100));
  EXPECT_EQ(norm->words, 0U);
  std::string text = diff_text(d, {});
  EXPECT_THAT(text, HasSubstr("1 of 4096"));
  EXPECT_THAT(text, HasSubstr("different: 3 params\n"));
}

TEST_F(DiffTest, NotANumberAndInfinityAreCountedAndNotSummed) {
  std::string a = convert("q0f16", "a");
  std::string c = copy_of(a, "c");
  for (const Shard& shard : read_tensor_cache(c + "/tensor-cache.json").shards)
    for (const Record& record : shard.records) {
      if (record.name != "model.norm.weight") continue;
      std::fstream file(c + "/" + shard.data_path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(record.byte_offset));
      file.write("\x00\x7e\x00\x7c", 4);
    }
  Diff with_nan = diff(a, c);
  ASSERT_EQ(with_nan.params.size(), 1U);
  EXPECT_EQ(with_nan.params[0].not_finite, 2U);
  EXPECT_EQ(with_nan.params[0].different, 2U);
  EXPECT_EQ(with_nan.params[0].relative_mse, 0);
  EXPECT_THAT(with_nan.params[0].max_error_at, IsEmpty());
  EXPECT_TRUE(diff(c, c).equal());
}

// The same records in other shards and another order.
TEST_F(DiffTest, HowShardsAreCutDoesNotMatter) {
  std::string a = convert("q4f16_1", "a");
  std::string b = copy_of(a, "b");
  TensorCache cache = read_tensor_cache(a + "/tensor-cache.json");
  TensorCache cut = cache;
  cut.shards.clear();
  for (const Shard& shard : cache.shards) {
    std::string bytes = read_file(a + "/" + shard.data_path, 1 << 24);
    for (std::size_t i = shard.records.size(); i-- > 0;) {
      Record record = shard.records[i];
      std::string path = fmt::format("params_shard_{}.bin", cut.shards.size());
      write(b + "/" + path, bytes.substr(record.byte_offset, record.nbytes));
      record.byte_offset = 0;
      cut.shards.push_back({path, record.nbytes, {record}, std::string(32, '0')});
    }
  }
  for (const char* name : {"/tensor-cache.json", "/ndarray-cache.json"})
    write(b + name, write_tensor_cache(cut));
  Diff d = diff(a, b);
  EXPECT_TRUE(d.equal()) << diff_text(d, {});
  EXPECT_NE(d.a.shards, d.b.shards);
}

TEST_F(DiffTest, OtherSchemesAreComparedByTheirValues) {
  std::string f32 = convert("q0f32", "f32");
  std::string nk = convert("q4f16_1", "nk");
  Diff same_values = diff(nk, convert("q4f16_0", "kn"));
  const ParamDifference* turned = find(same_values, std::string(kDown) + ".weight");
  ASSERT_NE(turned, nullptr);
  EXPECT_EQ(turned->rule->id, "D03");
  EXPECT_EQ(turned->different, 0U);
  EXPECT_EQ(turned->relative_mse, 0);
  EXPECT_FALSE(turned->same_form);
  // Embeddings lie as in the other scheme.
  EXPECT_EQ(find(same_values, "model.embed_tokens.weight"), nullptr);
  EXPECT_THAT(paths(same_values.config), ElementsAre(R"(quantization: "q4f16_1" "q4f16_0")"));

  // Normal values in 4 bits: about 20 dB.
  Diff quantized = diff(f32, nk);
  const ParamDifference* down = find(quantized, std::string(kDown) + ".weight");
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(down->a->form, "bfloat16");
  EXPECT_EQ(down->b->form, "q4f16_1");
  EXPECT_GT(down->relative_mse, 0.003);
  EXPECT_LT(down->relative_mse, 0.03);

  // --method search is nearer to the weights.
  Diff searched = diff(f32, convert("q4f16_1", "search", "search"));
  EXPECT_LT(find(searched, std::string(kDown) + ".weight")->relative_mse, down->relative_mse);
  for (const char* scheme : {"q3f16_1", "q4bf16_1", "q4f32_1", "q4f16_2", "q4f16_ft", "q3f16_0"}) {
    Diff d = diff(nk, convert(scheme, "other"));
    const ParamDifference* param = find(d, std::string(kDown) + ".weight");
    // q4f16_2 has linear layers in the same form, and equal.
    if (std::string(scheme) == "q4f16_2") {
      EXPECT_EQ(param, nullptr);
      EXPECT_EQ(find(d, "lm_head.weight")->rule->id, "D03");
      continue;
    }
    ASSERT_NE(param, nullptr) << scheme;
    EXPECT_TRUE(param->compared) << scheme;
    EXPECT_LT(param->relative_mse, 0.1) << scheme;
  }
}

// Against a loop over the stored numbers.
TEST_F(DiffTest, NumbersAreThoseOfAPlainLoop) {
  std::string a = convert("q0f16", "a");
  std::string b = copy_of(a, "b");
  std::string name = "model.layers.3.mlp.gate_up_proj.weight";
  auto values = [&](const std::string& folder) {
    std::vector<float> found;
    for (const Shard& shard : read_tensor_cache(folder + "/tensor-cache.json").shards)
      for (const Record& record : shard.records)
        if (record.name == name) {
          std::string bytes = read_file(folder + "/" + shard.data_path, 1 << 24);
          for (std::size_t i = 0; i < record.nbytes; i += 2) {
            std::uint16_t half;
            std::memcpy(&half, bytes.data() + record.byte_offset + i, 2);
            found.push_back(f16_to_f32(half));
          }
        }
    return found;
  };
  for (std::uint64_t i = 0; i < 4000; i += 7)
    flip(b, name, 2 * i, 0x15);
  std::vector<float> from_a = values(a);
  std::vector<float> from_b = values(b);
  double square = 0;
  double error = 0;
  double most = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < from_a.size(); i++) {
    double difference = double{from_a[i]} - double{from_b[i]};
    square += double{from_a[i]} * double{from_a[i]};
    error += difference * difference;
    if (std::abs(difference) > most) {
      most = std::abs(difference);
      at = i;
    }
  }
  Diff d = diff(a, b, 1);
  ASSERT_EQ(d.params.size(), 1U);
  EXPECT_NEAR(d.params[0].relative_mse / (error / square), 1, 1e-12);
  EXPECT_EQ(d.params[0].max_error, most);
  EXPECT_THAT(d.params[0].max_error_at, ElementsAre(at / 128, at % 128));
  EXPECT_EQ(dump_json(diff_json(d)), dump_json(diff_json(diff(a, b, 5))));
}

TEST_F(DiffTest, ParamsOfOneSideAndOtherShapes) {
  std::string a = convert("q0f16", "a");
  make_checkpoint(R"({"model_type": "llama", "hidden_size": 128, "intermediate_size": 192,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "num_hidden_layers": 3,
    "vocab_size": 264, "rms_norm_eps": 1e-5, "max_position_embeddings": 64})",
                  *find_quantization("q0f16"), DType::kF32, 2);
  Diff d = diff(a, convert("q0f16", "b"));
  EXPECT_EQ(find(d, "model.layers.3.mlp.down_proj.weight")->rule->id, "D01");
  EXPECT_FALSE(find(d, "model.layers.3.mlp.down_proj.weight")->b);
  EXPECT_EQ(find(d, "model.layers.0.mlp.down_proj.weight")->rule->id, "D02");
  EXPECT_EQ(find(d, "model.layers.0.self_attn.o_proj.weight")->rule->id, "D04");
  EXPECT_THAT(diff_text(d, {.all = true}), HasSubstr("float16 [128, 256]  float16 [128, 192]"));
  EXPECT_THAT(paths(d.config), testing::Contains("model_config.num_hidden_layers: 4 3"));
  std::string text = diff_text(d, {});
  EXPECT_THAT(text, HasSubstr(fmt::format("and {} more\n", d.params.size() - 20)));
}

TEST_F(DiffTest, ConfigTokenizerAndOtherFiles) {
  std::string a = convert("q4f16_1", "a");
  write(a + "/tokenizer.json", R"({"model": {"vocab": {"a": 0, "b": 1}, "merges": []}})");
  write(a + "/generation_config.json", R"({"top_p": 0.9})");
  write(a + "/tokenizer.model", "binary");
  write(a + "/broken.json", "{");
  std::string b = copy_of(a, "b");
  // Written differently, but the same.
  write(b + "/tokenizer.json", R"({"model": {"merges": [], "vocab": {"b": 1, "a": 0}}})");
  // Derived, hidden.
  write(b + "/mlc-verify-reference.json", "{}");
  write(b + "/.hidden", "");
  std::filesystem::create_directories(b + "/.git/objects");
  write(b + "/.git/objects/x", "");
  EXPECT_TRUE(diff(a, b).equal());

  replace_in(b + "/mlc-chat-config.json", R"("context_window_size": 64)",
             R"("context_window_size": 65)");
  write(b + "/tokenizer.json", R"({"model": {"merges": [], "vocab": {"b": 1, "c": 0}}})");
  write(b + "/generation_config.json", R"({"top_p": 0.8})");
  write(b + "/tokenizer.model", "binarz!");
  write(b + "/broken.json", "[");
  std::filesystem::create_directories(b + "/lib");
  write(b + "/lib/model.so", "x");
  Diff d = diff(a, b);
  EXPECT_TRUE(d.params.empty());
  EXPECT_THAT(paths(d.config), testing::Contains("model_config.context_window_size: 64 65"));
  EXPECT_THAT(paths(d.tokenizer),
              ElementsAre(R"(model.vocab["a"]: 0 -)", R"(model.vocab["c"]: - 0)"));
  std::vector<std::string> files;
  for (const FileDifference& file : d.files)
    files.push_back(fmt::format("{} {} {}", file.rule->id, file.name,
                                file.first_at ? static_cast<int>(*file.first_at) : -1));
  EXPECT_THAT(files, ElementsAre("D32 broken.json 0", "D32 generation_config.json -1",
                                 "D31 lib/model.so -1", "D32 tokenizer.model 5"));
  EXPECT_THAT(paths(d.files[1].keys), ElementsAre("top_p: 0.9 0.8"));
  std::string text = diff_text(d, {});
  EXPECT_THAT(text, HasSubstr("from byte 5"));
  EXPECT_THAT(text, HasSubstr("only in b"));
  EXPECT_THAT(text, HasSubstr("2 tokenizer entries, 4 other files"));
  Json json = diff_json(d);
  EXPECT_EQ(json.find("files")->items("")[0].find("id")->as_string(""), "D32");
  EXPECT_EQ(json.find("config")->find("differences")->items("")[0].find("id")->as_string(""),
            "D21");
  EXPECT_EQ(json.find("tokenizer")->find("count")->as_int(""), 2);
}

TEST_F(DiffTest, WhatIsNoModelIsAnError) {
  std::string a = convert("q4f16_1", "a");
  auto code_of = [&](const std::string& other) {
    try {
      diff(a, other);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(other));
      return error.code();
    }
    return ExitCode::kDone;
  };
  EXPECT_EQ(code_of(root_ + "/nowhere"), ExitCode::kUsage);
  EXPECT_EQ(code_of(a + "/mlc-chat-config.json"), ExitCode::kUsage);
  std::filesystem::create_directories(root_ + "/empty");
  EXPECT_EQ(code_of(root_ + "/empty"), ExitCode::kBadInput);
  std::string b = copy_of(a, "b");
  write(b + "/mlc-chat-config.json", "{");
  EXPECT_EQ(code_of(b), ExitCode::kBadInput);
  std::string c = copy_of(a, "c");
  std::filesystem::resize_file(c + "/params_shard_0.bin", 100);
  EXPECT_EQ(code_of(c), ExitCode::kBadInput);
}

// Records that the config has no place for are compared all the same, as what they are.
TEST_F(DiffTest, RecordsThatTheConfigDoesNotKnow) {
  std::string a = convert("q4f16_1", "a");
  std::string b = copy_of(a, "b");
  for (const std::string& folder : {a, b})
    replace_in(folder + "/mlc-chat-config.json", R"("num_hidden_layers": 4)",
               R"("num_hidden_layers": 3)");
  EXPECT_TRUE(diff(a, b).equal());
  flip(b, "model.layers.3.mlp.down_proj.q_weight", 0, 1);
  Diff d = diff(a, b);
  ASSERT_EQ(d.params.size(), 1U);
  EXPECT_EQ(d.params[0].name, "model.layers.3.mlp.down_proj.q_weight");
  EXPECT_EQ(d.params[0].rule->id, "D04");
  EXPECT_FALSE(d.params[0].compared);
}

TEST(DiffRules, AreFound) {
  for (const FindingRule& rule : diff_rules())
    EXPECT_EQ(find_finding_rule(rule.id), &rule);
}

}  // namespace
}  // namespace mlc
