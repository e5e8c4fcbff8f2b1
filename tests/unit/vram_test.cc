// The memory estimate against numbers worked out by hand from the published shapes.
#include "package/vram.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "models/models.h"
#include "models/registry.h"
#include "package/cache_rules.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const fs::path kData = MLC_TEST_DATA;

Json cache_of(std::string_view records, std::uint64_t nbytes) {
  return parse_json(
      fmt::format(
          R"({{"metadata":{{}},"records":[{{"dataPath":"params_shard_0.bin","format":"raw-shard","nbytes":{},"records":[{}],"md5sum":"d41d8cd98f00b204e9800998ecf8427e"}}]}})",
          nbytes, records),
      "cache");
}

Json small_cache() {
  return cache_of(
      R"({"name":"a","shape":[4],"dtype":"float16","format":"f32-to-bf16","nbytes":8,"byteOffset":0})",
      8);
}

Json golden(const std::string& name) {
  return read_json_file((kData / "golden" / "gen_config" / name / "mlc-chat-config.json").string());
}

VramEstimate estimate(const Json& chat) { return estimate_vram(chat, small_cache(), "chat"); }

TEST(Vram, Llama2) {
  VramEstimate e = estimate(golden("llama2_7b_chat"));
  EXPECT_EQ(e.weights, 8u);
  EXPECT_EQ(e.kv_cache, 2u * 32 * 32 * 128 * 2 * 4096);  // layers, heads, head_dim, bytes, tokens
  EXPECT_EQ(e.temporaries, 4096u * (4 * 4096 + 2 * 22016) * 2 + 32000 * 4);
  EXPECT_EQ(e.total(), e.weights + e.kv_cache + e.temporaries);
}

TEST(Vram, Qwen2SharesKeys) {
  VramEstimate e = estimate(golden("qwen2_5_0_5b_instruct"));
  EXPECT_EQ(e.kv_cache, 2u * 24 * 2 * 64 * 2 * 4096);
  EXPECT_EQ(e.temporaries, 1024u * (4 * 896 + 2 * 9728) * 2 + 151936 * 4);
}

// A window of 4096 in every other layer is no less than the context.
TEST(Vram, Gemma2) {
  EXPECT_EQ(estimate(golden("gemma2_2b_it")).kv_cache, 2u * 26 * 4 * 256 * 2 * 4096);
  Json chat = golden("gemma2_2b_it");
  chat.set("context_window_size", 8192);
  chat.set("prefill_chunk_size", 1);
  EXPECT_EQ(estimate(chat).kv_cache, 2u * 4 * 256 * 2 * (13 * 8192 + 13 * 4096));
}

// Every sixth of the 26 layers sees all; the others 512 tokens, and a prefill has 128.
TEST(Vram, Gemma3WindowsBoundTheCache) {
  Json chat = golden("gemma3_1b_it_text");
  EXPECT_EQ(estimate(chat).kv_cache, 2u * 26 * 256 * 2 * 8192);  // a prefill as long as the context
  chat.set("prefill_chunk_size", 128);
  EXPECT_EQ(estimate(chat).kv_cache, 2u * 256 * 2 * (4 * 8192 + 22 * (512 + 127)));
}

TEST(Vram, MistralsWindowAndSinks) {
  EXPECT_EQ(estimate(golden("mistral_7b_instruct_v0_1_swa")).kv_cache,
            2u * 32 * 8 * 128 * 2 * (4096 + 4095 + 4));
}

// Whatever the context: 40 heads of 64 x 64, and two tokens.
TEST(Vram, RwkvKeepsStates) {
  Json chat = golden("preset_rwkv5_3b");
  EXPECT_EQ(estimate(chat).kv_cache, 32u * (40 * 64 * 64 + 2 * 2560) * 4);
  chat.set("context_window_size", 1000000);
  EXPECT_EQ(estimate(chat).kv_cache, 32u * (40 * 64 * 64 + 2 * 2560) * 4);
}

TEST(Vram, LatentAttention) {
  EXPECT_EQ(estimate(golden("preset_deepseek_v2_lite")).kv_cache, 27ull * (512 + 64) * 2 * 163840);
}

Json chat_of(const std::string& name, const std::string& model_type) {
  std::string path = (kData / "data" / "configs" / (name + ".json")).string();
  Json chat = Json::object();
  chat.set("model_type", model_type);
  chat.set("model_config", read_model_config(read_json_file(path), path, "auto").fields);
  chat.set("context_window_size", 1024);
  chat.set("prefill_chunk_size", 16);
  return chat;
}

// Two of the experts work on a row.
TEST(Vram, ExpertsCountAsManyTimesAsTheyAreChosen) {
  Json chat = chat_of("mixtral", "mixtral");
  const Json& fields = *chat.find("model_config");
  auto field = [&](const char* name) { return fields.find(name)->as_size(name); };
  EXPECT_EQ(field("num_experts_per_tok"), 2u);
  std::uint64_t widest = std::max(
      2 * 2 * field("intermediate_size"),
      (field("num_attention_heads") + 2 * field("num_key_value_heads")) * field("head_dim"));
  EXPECT_EQ(estimate(chat).temporaries,
            16 * (4 * field("hidden_size") + 2 * widest) * 2 + field("vocab_size") * 4);
}

// A hybrid: one layer of four has keys, the others a matrix a value head and three tokens of the
// convolution.
TEST(Vram, HybridsHaveBoth) {
  Json chat = chat_of("qwen3_5_text", "qwen3_5_text");
  const Json& fields = *chat.find("model_config");
  auto field = [&](const char* name) { return fields.find(name)->as_size(name); };
  std::uint64_t full = field("num_hidden_layers") / field("full_attention_interval");
  std::uint64_t keys = 2 * field("num_key_value_heads") * field("head_dim") * 2 * 1024;
  std::uint64_t k = field("linear_num_key_heads") * field("linear_key_head_dim");
  std::uint64_t v = field("linear_num_value_heads") * field("linear_value_head_dim");
  std::uint64_t state = v * field("linear_key_head_dim") + (2 * k + v) * 3;
  EXPECT_EQ(field("linear_conv_kernel_dim"), 4u);
  ASSERT_GT(full, 0u);
  EXPECT_EQ(estimate(chat).kv_cache, full * keys + (field("num_hidden_layers") - full) * state * 4);
}

// Every architecture is either run, has a row, or keeps nothing; none has both.
TEST(Vram, KnowsEveryArchitecture) {
  for (const Architecture* one : architectures()) {
    int ways = (one->forward != nullptr) + (one->embedding.has_value()) +
               (find_cache_rule(one->model_type) != nullptr);
    EXPECT_EQ(ways, 1) << one->model_type;
  }
}

TEST(Vram, EstimatesEveryConfig) {
  std::size_t seen = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(kData / "data" / "configs")) {
    std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".json" || name.ends_with(".model_config")) continue;
    ModelConfig config = load_model_config(entry.path().string(), "auto");
    VramEstimate e = estimate(chat_of(name, std::string(config.model_type())));
    bool keeps = !config.architecture->embedding && config.model_type() != "medusa";
    EXPECT_EQ(e.kv_cache > 0, keeps) << name;
    EXPECT_GT(e.temporaries, 0u) << name;
    seen++;
  }
  EXPECT_GT(seen, 73u);
}

// What is stored as bfloat16 is float32 on the device.
TEST(Vram, WeightsAreCountedAsOnTheDevice) {
  Json cache = cache_of(
      R"({"name":"a","shape":[4],"dtype":"float32","format":"f32-to-bf16","nbytes":8,"byteOffset":0},
         {"name":"b","shape":[4],"dtype":"float32","format":"raw","nbytes":16,"byteOffset":8})",
      24);
  EXPECT_EQ(estimate_vram(golden("llama2_7b_chat"), cache, "chat").weights, 32u);
}

void expect_refused(const Json& chat, const std::string& message) {
  try {
    estimate(chat);
    ADD_FAILURE() << "expected: " << message;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput) << e.what();
    EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
  }
}

TEST(Vram, RefusesNumbersThatCantBe) {
  Json chat = golden("llama2_7b_chat");
  chat.set("context_window_size", std::int64_t{1} << 60);
  expect_refused(chat, "more than 2^64 bytes");
  chat.set("context_window_size", "4096");
  expect_refused(chat, "context_window_size");
  chat.set("context_window_size", -1);
  expect_refused(chat, "say no number of tokens");
  expect_refused(Json::object(), "model_config is missing");
  Json untyped = Json::object();
  untyped.set("model_config", Json::object());
  expect_refused(untyped, "model_type is missing");
}

}  // namespace
}  // namespace mlc
