#include "convert/plan.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "models/models.h"
#include "tests/unit/source_shapes.h"

using namespace mlc;

namespace {

Json small_llama() {
  Json c = Json::object();
  c.set("model_type", "llama").set("hidden_size", 64).set("intermediate_size", 128);
  c.set("num_attention_heads", 4).set("num_key_value_heads", 2).set("num_hidden_layers", 2);
  c.set("rms_norm_eps", 1e-5).set("vocab_size", 128).set("max_position_embeddings", 64);
  return c;
}

struct Fixture {
  ModelConfig config = read_model_config(small_llama(), "config.json", "auto");
  std::vector<ParamSpec> params = expand_params(config, "group-quant");
  Checkpoint checkpoint = headers_for(params);
  Plan plan(std::string_view quantization) const {
    return build_plan(checkpoint, config, params, *find_quantization(quantization));
  }
};

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Plan, RecordsTileTheirShardsWithoutHoles) {
  Fixture f;
  for (const Quantization& q : quantizations()) {
    if (q.kind == QuantKind::kAwq || q.kind == QuantKind::kBlockScale) continue;  // other sources
    Plan plan = f.plan(q.name);
    std::vector<std::uint64_t> filled(plan.shard_sizes.size());
    for (const PlanStep& step : plan.steps)
      for (const PlanRecord& r : step.records) {
        EXPECT_EQ(r.offset, filled[r.shard]) << q.name << " " << r.name;
        filled[r.shard] += r.nbytes;
      }
    EXPECT_EQ(filled, plan.shard_sizes) << q.name;
  }
}

TEST(Plan, AFusedParamComesOutAtItsFirstSourceInFileOrder) {
  Fixture f;
  Plan plan = f.plan("q0f16");
  std::vector<std::string> names;
  for (const PlanStep& step : plan.steps)
    names.push_back(step.spec.name);
  // k_proj < o_proj < q_proj, and gate_proj < input... as sorted names.
  auto at = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) - names.begin();
  };
  EXPECT_EQ(at("lm_head.weight"), 0);
  EXPECT_LT(at("model.layers.0.self_attn.qkv_proj.weight"),
            at("model.layers.0.self_attn.o_proj.weight"));
  EXPECT_LT(at("model.layers.0.mlp.down_proj.weight"),
            at("model.layers.0.mlp.gate_up_proj.weight"));
}

TEST(Plan, MissingTensorsAreNamedWithTheNearestOnes) {
  Fixture f;
  for (SourceTensor& t : f.checkpoint.tensors)
    if (t.name == "model.norm.weight") t.name = "model.norm.wieght";
  f.checkpoint.build_lookup();
  std::string message = message_of([&] { f.plan("q4f16_1"); });
  EXPECT_NE(message.find("model.norm.weight (nearest: model.norm.wieght)"), std::string::npos)
      << message;
}

TEST(Plan, ManyMissingTensorsAreCounted) {
  Fixture f;
  f.checkpoint.tensors.resize(1);
  f.checkpoint.build_lookup();
  std::string message = message_of([&] { f.plan("q4f16_1"); });
  EXPECT_NE(message.find("20 of the model's tensors"), std::string::npos) << message;
  EXPECT_NE(message.find("and 10 more"), std::string::npos) << message;
}

TEST(Plan, AWrongShapeIsNamedWithFoundAndExpected) {
  Fixture f;
  for (SourceTensor& t : f.checkpoint.tensors)
    if (t.name == "model.norm.weight") t.shape = {63};
  std::string message = message_of([&] { f.plan("q4f16_1"); });
  EXPECT_NE(message.find("model.norm.weight has shape [63], expected [64]"), std::string::npos)
      << message;
}

TEST(Plan, AVocabularyOfAnotherSizeIsAcceptedAsMlcLlmDoes) {
  Fixture f;
  for (SourceTensor& t : f.checkpoint.tensors)
    if (t.name == "lm_head.weight") t.shape = {100, 64};
  Plan plan = f.plan("q0f16");
  EXPECT_EQ(plan.steps[0].records[0].shape, (std::vector<std::int64_t>{100, 64}));
}

TEST(Plan, UnknownTensorsAreListedAndRotaryTablesAreIgnoredByName) {
  Fixture f;
  for (const char* name : {"model.layers.0.self_attn.rotary_emb.inv_freq", "surprise"}) {
    SourceTensor t{.name = name, .dtype = DType::kF32, .shape = {4}};
    t.nbytes = 16;
    f.checkpoint.tensors.push_back(t);
    f.checkpoint.files[0].elements += 4;
  }
  f.checkpoint.build_lookup();
  Plan plan = f.plan("q0f16");
  EXPECT_EQ(plan.unused, std::vector<std::string>{"surprise"});
  ASSERT_EQ(plan.ignored.size(), 1u);
  EXPECT_EQ(plan.ignored[0].name, "model.layers.0.self_attn.rotary_emb.inv_freq");
  // mlc_llm's divisor counts what it loads, but not what it declares unused.
  EXPECT_EQ(plan.loaded_elements, plan.param_elements + 4);
}

// A sorted index over several files makes mlc_llm load the last file twice, and count it twice.
TEST(Plan, AFileLoadedTwiceCountsTwice) {
  Fixture f;
  f.checkpoint.files = {{"a", nullptr, 1000}, {"b", nullptr, 100}};
  std::int64_t total_a = 0;
  std::int64_t total_b = 0;
  std::vector<SourceTensor> ordered;
  // lm_head lies in b; b is visited first, then a, then the norm in b again.
  for (SourceTensor& t : f.checkpoint.tensors) {
    t.file = t.name == "lm_head.weight" || t.name == "model.norm.weight" ? 1 : 0;
    (t.file ? total_b : total_a) += t.elements();
  }
  f.checkpoint.files[0].elements = static_cast<std::uint64_t>(total_a);
  f.checkpoint.files[1].elements = static_cast<std::uint64_t>(total_b);
  Plan plan = f.plan("q0f16");
  EXPECT_EQ(plan.loaded_elements, total_a + 2 * total_b);
}

// mlc_llm's table says "wte.weight"; transformers saves "transformer.wte.weight".
TEST(Plan, NamesInAnotherLayoutAreFound) {
  Json c = Json::object();
  c.set("model_type", "gpt2").set("vocab_size", 64).set("n_embd", 32).set("n_layer", 1);
  c.set("n_head", 2).set("layer_norm_epsilon", 1e-5).set("n_positions", 16);
  ModelConfig config = read_model_config(c, "config.json", "auto");
  std::vector<ParamSpec> params = expand_params(config, "no-quant");
  const Quantization& q = *find_quantization("q0f16");
  Plan bare = build_plan(headers_for(params), config, params, q);
  Checkpoint outer = headers_for(params);
  for (SourceTensor& t : outer.tensors)
    t.name = "transformer." + t.name;
  for (const char* name : {"transformer.h.0.attn.bias", "lm_head.weight", "surprise"}) {
    SourceTensor t{.name = name, .dtype = DType::kF32, .shape = {4}};
    t.nbytes = 16;
    outer.tensors.push_back(t);
  }
  outer.build_lookup();
  Plan plan = build_plan(outer, config, params, q);
  EXPECT_EQ(plan.unused, std::vector<std::string>{"surprise"});
  EXPECT_EQ(plan.ignored.size(), 2u);
  EXPECT_EQ(plan.shard_sizes, bare.shard_sizes);
  // Nothing is mixed: a checkpoint with the first name as in the table is read by the table.
  outer.tensors[0].name = params[0].sources[0];
  outer.build_lookup();
  EXPECT_THROW(build_plan(outer, config, params, q), Error);
}

TEST(Plan, ATiedHeadIsMadeFromTheEmbedding) {
  for (bool tied : {true, false}) {
    Json c = small_llama();
    c.set("model_type", "mistral").set("tie_word_embeddings", tied);
    ModelConfig config = read_model_config(c, "config.json", "auto");
    std::vector<ParamSpec> params = expand_params(config, "no-quant");
    Checkpoint full = headers_for(params);
    Checkpoint headless = full;
    std::erase_if(headless.tensors,
                  [](const SourceTensor& t) { return t.name == "lm_head.weight"; });
    headless.build_lookup();
    const Quantization& q = *find_quantization("q0f16");
    auto head_source = [&](const Checkpoint& checkpoint) {
      Plan plan = build_plan(checkpoint, config, params, q);
      EXPECT_TRUE(plan.unused.empty());
      for (const PlanStep& step : plan.steps)
        if (step.spec.name == "lm_head.weight") return checkpoint.tensors[step.sources[0]].name;
      return std::string();
    };
    EXPECT_EQ(head_source(full), "lm_head.weight");
    if (tied)
      EXPECT_EQ(head_source(headless), "model.embed_tokens.weight");
    else
      EXPECT_THROW(head_source(headless), Error);
  }
}

}  // namespace
