// PEFT adapters: the values of tests/golden/formats, the float64 rule element by element, and what
// is refused.
#include "convert/lora.h"

#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "packed_cases.h"
#include "quant_cases.h"

namespace mlc {
namespace {

using test::Stored;
using test::stored;

TEST(Lora, MergedTensorsHaveTheExpectedHash) {
  test::fs::path list = test::golden_format("lora/expected.json");
  if (list.empty()) {
    std::printf("skipped: no shared data\n");
    return;
  }
  int tensors = 0, in_torch = 0;
  Json cases = read_json_file(list.string());
  for (const auto& [name, content] : cases.members("cases")) {
    test::fs::path adapter = test::golden_format("lora/" + name);
    test::fs::path base = list.parent_path() / content.find("base")->as_string("base");
    if (adapter.empty()) continue;
    in_torch += test::fs::exists(adapter / "adapter_model.bin") ? 1 : 0;
    SCOPED_TRACE(name);
    Checkpoint plain = open_checkpoint(base.string(), "auto");
    Checkpoint merged = open_checkpoint(base.string(), "auto");
    merge_lora(merged, adapter.string());
    const Json& expected = *content.find("tensors");
    for (const SourceTensor& t : merged.tensors) {
      std::vector<float> values = test::values_of(merged, t, 5);
      const Json* row = expected.find(t.name);
      if (row)
        EXPECT_EQ(row->find("sha256")->as_string("sha256"), test::sha256_of(values)) << t.name;
      else
        EXPECT_EQ(test::values_of(plain, *plain.find(t.name), 5), values) << t.name;
      tensors += row ? 1 : 0;
    }
  }
  EXPECT_EQ(in_torch, 1);
  std::printf("%d merged tensors have the expected values\n", tensors);
}

// A base of two linears and an embedding, and an adapter for them, written by the test.
class LoraRule : public testing::Test {
 protected:
  static constexpr std::int64_t kIn = 37, kOut = 11, kRank = 3;

  std::vector<float> random(std::int64_t n) {
    std::vector<float> v(static_cast<std::size_t>(n));
    for (float& f : v)
      f = random_.gaussian();
    return v;
  }

  void write(const std::string& config, const std::vector<Stored>& adapter) {
    test::write_safetensors(folder_.path / "model.safetensors", base_);
    test::write_safetensors(folder_.path / "adapter_model.safetensors", adapter);
    write_file_atomically((folder_.path / "adapter_config.json").string(), config);
  }

  Checkpoint merged() {
    Checkpoint checkpoint = open_checkpoint((folder_.path / "model.safetensors").string(), "auto");
    merge_lora(checkpoint, folder_.path.string());
    return checkpoint;
  }

  std::string error_of(const std::string& config, const std::vector<Stored>& adapter) {
    write(config, adapter);
    try {
      merged();
    } catch (const Error& error) {
      std::string text = error.what();
      std::size_t at = text.find(folder_.path.string());
      return at == 0 ? text.substr(folder_.path.string().size() + 2) : text;
    }
    return "";
  }

  void expect_rule(const SourceTensor& t, const Checkpoint& checkpoint,
                   const std::vector<float>& base, const std::vector<float>& left,
                   const std::vector<float>& right, std::int64_t left_row, std::int64_t left_k,
                   std::int64_t right_k, std::int64_t right_col, double scaling) {
    std::vector<float> got = test::values_of(checkpoint, t, 2);
    std::int64_t cols = t.shape[1];
    for (std::int64_t r = 0; r < t.shape[0]; r++)
      for (std::int64_t c = 0; c < cols; c++) {
        double sum = 0;
        for (std::int64_t k = 0; k < kRank; k++)
          sum += static_cast<double>(left[static_cast<std::size_t>(r * left_row + k * left_k)]) *
                 static_cast<double>(right[static_cast<std::size_t>(k * right_k + c * right_col)]);
        auto i = static_cast<std::size_t>(r * cols + c);
        ASSERT_EQ(got[i], static_cast<float>(static_cast<double>(base[i]) + scaling * sum));
      }
  }

  test::Random random_{7};
  test::TemporaryFolder folder_;
  std::vector<float> w_ = random(kOut * kIn);
  std::vector<float> a_ = random(kRank * kIn);
  std::vector<float> b_ = random(kOut * kRank);
  std::vector<Stored> base_ = {
      stored("model.x.up_proj.weight", "F32", {kOut, kIn}, w_),
      stored("model.x.c_attn.weight", "F32", {kIn, kOut}, w_),
      stored("model.embed_tokens.weight", "F32", {kIn, kOut}, w_),
  };
  std::vector<Stored> linear_ = {
      stored("base_model.model.model.x.up_proj.lora_A.weight", "F32", {kRank, kIn}, a_),
      stored("base_model.model.model.x.up_proj.lora_B.weight", "F32", {kOut, kRank}, b_)};
};

TEST_F(LoraRule, Linear) {
  write(R"({"peft_type": "LORA", "r": 3, "lora_alpha": 8, "target_modules": ["up_proj"]})",
        linear_);
  Checkpoint c = merged();
  expect_rule(c.tensors[0], c, w_, b_, a_, kRank, 1, kIn, 1, 8.0 / 3.0);
  EXPECT_FALSE(c.tensors[1].reader);
  ASSERT_EQ(c.notes.size(), 1u);
  EXPECT_TRUE(c.notes[0].ends_with(": 1 tensors merged, 0 replaced")) << c.notes[0];
}

TEST_F(LoraRule, RankStabilizedWithPatterns) {
  write(R"({"r": 64, "lora_alpha": 8, "use_rslora": true, "target_modules": "all-linear",
            "rank_pattern": {"other": 5, "x.up_proj": 3}, "alpha_pattern": {"up_proj": 2.5}})",
        linear_);
  Checkpoint c = merged();
  expect_rule(c.tensors[0], c, w_, b_, a_, kRank, 1, kIn, 1, 2.5 / std::sqrt(3.0));
}

TEST_F(LoraRule, WeightsStoredInOut) {
  write(
      R"({"r": 3, "lora_alpha": 3, "fan_in_fan_out": true, "target_modules": ["c_attn"]})",
      {stored("base_model.model.transformer.model.x.c_attn.lora_A.weight", "F32", {kRank, kIn}, a_),
       stored("base_model.model.transformer.model.x.c_attn.lora_B.weight", "F32", {kOut, kRank},
              b_)});
  Checkpoint c = merged();
  expect_rule(c.tensors[1], c, w_, a_, b_, 1, kIn, 1, kRank, 1.0);
}

TEST_F(LoraRule, Embedding) {
  write(R"({"r": 3, "lora_alpha": 6, "target_modules": ["embed_tokens"]})",
        {stored("base_model.model.model.embed_tokens.lora_embedding_A", "F32", {kRank, kIn}, a_),
         stored("base_model.model.model.embed_tokens.lora_embedding_B", "F32", {kOut, kRank}, b_)});
  Checkpoint c = merged();
  expect_rule(c.tensors[2], c, w_, a_, b_, 1, kIn, 1, kRank, 2.0);
}

TEST_F(LoraRule, Refusals) {
  auto config = [](const std::string& more) {
    return R"({"r": 3, "lora_alpha": 8, "target_modules": ["up_proj"])" + more + "}";
  };
  EXPECT_EQ(error_of(config(""), linear_), "");
  EXPECT_NE(error_of(config(R"(, "use_dora": true)"), linear_).find("DoRA"), std::string::npos);
  EXPECT_NE(error_of(config(R"(, "peft_type": "LOHA")"), linear_).find("LOHA"), std::string::npos);
  EXPECT_NE(error_of(config(R"(, "init_lora_weights": "pissa_niter_4")"), linear_).find("pissa"),
            std::string::npos);
  EXPECT_NE(error_of(config(R"(, "rank_pattern": {"q.*": 4})"), linear_).find("the pattern q.*"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"lora_alpha": 8})", linear_).find("r is missing"), std::string::npos);
  EXPECT_NE(error_of(R"({"r": 0, "lora_alpha": 8})", linear_).find("found 0, expected 1 to"),
            std::string::npos);
  EXPECT_EQ(error_of(R"({"r": 4, "lora_alpha": 8})", linear_),
            "tensor base_model.model.model.x.up_proj.lora_A.weight: found float32 [3, 37], "
            "expected [4, 37]");
  EXPECT_EQ(error_of(R"({"r": 3, "lora_alpha": 8, "target_modules": ["down_proj"]})", linear_),
            "2 of the adapter's tensors have no place in the model: "
            "base_model.model.model.x.up_proj.lora_A.weight, "
            "base_model.model.model.x.up_proj.lora_B.weight");
  std::vector<Stored> more = linear_;
  more.push_back(stored("base_model.model.y.bias", "F32", {1}, std::vector<float>(1)));
  EXPECT_EQ(error_of(config(""), more),
            "1 of the adapter's tensors have no place in the model: base_model.model.y.bias");
  more = linear_;
  more.push_back(stored("base_model.model.model.x.up_proj.lora_magnitude_vector", "F32", {1},
                        std::vector<float>(1)));
  EXPECT_NE(error_of(config(""), more).find("DoRA"), std::string::npos);
  EXPECT_NE(error_of(config(""), {linear_[0]}).find("expected its partner"), std::string::npos);
}

}  // namespace
}  // namespace mlc
