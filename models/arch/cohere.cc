// Cohere: Command R and Aya. One norm per layer, without a bias; the head is the embedding. Cohere
// 2 (Command R7B, Command A): the same tensors, most layers with a sliding window.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kLayer = {
    Param{.name = "model.layers.{i}.self_attn.qkv_proj.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.out_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.self_attn.o_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.gate_proj.weight",
          .shape = {"intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.up_proj.weight",
          .shape = {"intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.input_layernorm.weight", .shape = {"hidden_size"}},
};

static constexpr std::array kNorm = {
    Param{.name = "model.norm.weight", .shape = {"hidden_size"}},
};

static constexpr Block kBody[] = {
    {.params = kLlamaEmbedding, .ignored = kTiedHeadIgnored},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kRotaryIgnored},
    {.params = kNorm},
};

static constexpr Field kFields[] = {
    {.name = "model_type", .type = FieldType::kString},
    {.name = "hidden_size"},
    {.name = "vocab_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "intermediate_size"},
    {.name = "layer_norm_eps", .type = FieldType::kNumber},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

// All under one condition in mlc_llm, so that the second pass of gen_config checks nothing.
static constexpr Step kSteps[] = {
    {.verb = Verb::kStopUnless, .expression = "position_embedding_base == 0"},
    steps::kRopeBase,
    {.verb = Verb::kTake,
     .field = "context_window_size",
     .keys = {"max_position_embeddings", "max_sequence_length"},
     .expression = "0"},
    steps::kPrefill8192,
    steps::kKeyValueHeads,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kHeadsGroup,
};

static constexpr std::array kBiases = {
    Param{.name = "model.layers.{i}.self_attn.qkv_proj.bias",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.bias",
                      "model.layers.{i}.self_attn.k_proj.bias",
                      "model.layers.{i}.self_attn.v_proj.bias"},
          .when = "attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.out_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"model.layers.{i}.self_attn.o_proj.bias"},
          .when = "attention_bias"},
};
static constexpr auto kLayer2 = join(kLayer, kBiases);
static constexpr Block kBody2[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer2, .ignored = kRotaryIgnored},
    {.params = kNorm},
    {.params = kPlainHead},
    kTiedHead,
};

static constexpr auto kFields2 = join(
    kKinFields, std::array{
                    kTiedUnlessSaid,
                    kAttentionBias,
                    Field{.name = "layer_norm_eps", .type = FieldType::kNumber},
                    Field{.name = "logit_scale", .type = FieldType::kNumber, .otherwise = "0.0625"},
                    Field{.name = "sliding_window", .otherwise = "4096"},
                    Field{.name = "sliding_window_pattern", .otherwise = "4"},
                    Field{.name = "layer_types", .type = FieldType::kAny, .otherwise = "None"},
                });

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.norm = {.kind = NormKind::kLayer, .eps = "layer_norm_eps"};
  f.mlp_norm = {};
  f.parallel = "True";
  f.attention.out = "model.layers.{i}.self_attn.out_proj";
  f.attention.rope.interleaved = true;
  f.mlp.gate_up = {};
  f.mlp.gate = "model.layers.{i}.mlp.gate_proj";
  f.mlp.up = "model.layers.{i}.mlp.up_proj";
  f.head = {};
  f.logit_scale = {{"'logit_scale' in config and config.logit_scale or 0.0625"}};
  f.note = "mlc-chat-config.json has no logit_scale: 0.0625 is taken where config.json is missing";
  return f;
}();

// Only layers with a window rotate.
static constexpr Expr kSliding =
    "layer_types is not None and layer_types[i] == 'sliding_attention' or"
    " layer_types is None and (i+1) % sliding_window_pattern != 0";
static constexpr ForwardTraits kForward2 = [] {
  ForwardTraits f = kForward;
  f.attention.window =
      "(layer_types is not None and layer_types[i] == 'sliding_attention' or"
      " layer_types is None and (i+1) % sliding_window_pattern != 0) and sliding_window or 0";
  f.attention.rope.when = kSliding;
  f.attention.rope.scaling = "rope_scaling or rope_parameters";
  f.logit_scale = {{"logit_scale"}};
  f.head = "lm_head";
  f.note = {};
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "cohere",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
    {.model_type = "cohere2",
     .class_names = {"Cohere2ForCausalLM"},
     .config = {.fields = kFields2, .steps = kKinSteps},
     .body = kBody2,
     .in_mlc_llm = false,
     .note = "Command R7B, Command A",
     .forward = &kForward2},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_cohere = kModels;

}  // namespace mlc
