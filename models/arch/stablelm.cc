// StableLM: Llama's shape with LayerNorm, and biases on q, k and v in version 2.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kAttention = {
    Param{.name = "model.layers.{i}.self_attn.qkv_proj.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.qkv_proj.bias",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.bias",
                      "model.layers.{i}.self_attn.k_proj.bias",
                      "model.layers.{i}.self_attn.v_proj.bias"},
          .when = "use_qkv_bias"},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
};

static constexpr auto kLayer = join(kAttention, kLlamaMlp, kBiasedLayerNorms);
static constexpr auto kTail = join(kBiasedNorm, kOwnHead);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kRotaryIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "layer_norm_eps", .type = FieldType::kNumber},
    {.name = "partial_rotary_factor", .type = FieldType::kNumber},
    {.name = "rope_theta", .type = FieldType::kNumber},
    {.name = "intermediate_size"},
    {.name = "use_qkv_bias", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    steps::kContext,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kPrefill8192,
};

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.norm = {.kind = NormKind::kLayer, .eps = "layer_norm_eps"};
  f.attention.rope.theta = "rope_theta";
  f.attention.rope.part = "partial_rotary_factor";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "stablelm",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_stablelm = kModels;

}  // namespace mlc
