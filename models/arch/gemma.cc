// Gemma 1 and 2. The norms' weights are stored as their distance from one, which is added in the
// checkpoint's own dtype; the head is the embedding.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kNorms = {
    Param{.name = "model.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne},
};

static constexpr std::array kMoreNorms = {
    Param{.name = "model.layers.{i}.pre_feedforward_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne},
    Param{.name = "model.layers.{i}.post_feedforward_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne},
};

static constexpr std::array kNorm = {
    Param{.name = "model.norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne},
};

static constexpr auto kLayer = join(kLlamaAttention, kLlamaMlp, kNorms);
static constexpr auto kLayer2 = join(kLayer, kMoreNorms);
static constexpr Block kHeadless = {.ignored = kTiedHeadIgnored};
static constexpr Block kBody[] = {
    {.params = kLlamaEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kRotaryIgnored},
    {.params = kNorm},
    kHeadless,
};
static constexpr Block kBody2[] = {
    {.params = kLlamaEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer2, .ignored = kRotaryIgnored},
    {.params = kNorm},
    kHeadless,
};

static constexpr Field kFields[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "attention_bias", .type = FieldType::kBool},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "head_dim"},
    {.name = "num_hidden_layers"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "hidden_activation", .type = FieldType::kString, .otherwise = "None"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Field kFields2[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "attention_bias", .type = FieldType::kBool},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "head_dim"},
    {.name = "num_hidden_layers"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "hidden_activation", .type = FieldType::kString, .otherwise = "None"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "attn_logit_softcapping", .type = FieldType::kNumber, .otherwise = "None"},
    {.name = "final_logit_softcapping", .type = FieldType::kNumber, .otherwise = "None"},
    {.name = "query_pre_attn_scalar", .type = FieldType::kNumber, .otherwise = "None"},
    {.name = "sliding_window", .otherwise = "None"},
};

static constexpr std::array kSteps = {
    Step{.verb = Verb::kTake,
         .field = "hidden_activation",
         .when = When::kNull,
         .keys = {"hidden_act"},
         .expression = "None"},
    steps::check("hidden_activation in ('gelu', 'gelu_pytorch_tanh')"),
    steps::check("not attention_bias"),
    steps::kRopeBase,
    steps::kContext,
    steps::kHeadsGroup,
    steps::kPrefill8192,
};

// After the prefill size, which the first pass of gen_config so takes from the whole context.
static constexpr auto kSteps2 =
    join(kSteps, std::array{steps::set("context_window_size", "sliding_window", When::kAlways)});

// transformers takes gelu for tanh-gelu here, whatever hidden_act says.
static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.embedding_scale = {{"hidden_size", 0.5}};
  f.mlp.activation = "'gelu_pytorch_tanh'";
  f.head = {};
  return f;
}();

// Every other layer has a window, from the first one on.
static constexpr ForwardTraits kForward2 = [] {
  ForwardTraits f = kForward;
  f.attention_post_norm = "model.layers.{i}.post_attention_layernorm";
  f.mlp_norm = "model.layers.{i}.pre_feedforward_layernorm";
  f.mlp_post_norm = "model.layers.{i}.post_feedforward_layernorm";
  f.mlp.activation = "hidden_activation";
  f.attention.scale = {{"query_pre_attn_scalar", -0.5}};
  f.attention.softcap = "attn_logit_softcapping";
  f.attention.window = "i % 2 == 0 and sliding_window or 0";
  f.logit_softcap = "final_logit_softcapping";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "gemma",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
    {.model_type = "gemma2",
     .config = {.fields = kFields2, .steps = kSteps2},
     .body = kBody2,
     .forward = &kForward2},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_gemma = kModels;

}  // namespace mlc
