// GPT-NeoX: Pythia, RedPajama, Dolly.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "gpt_neox.embed_in.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
};

// The checkpoint has one (q, k, v) triple per head; the model wants all q, all k, all v. Both
// feed-forward layers compute in float32, so their biases stay float32 in every scheme.
static constexpr std::array kLayer = {
    Param{.name = "gpt_neox.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "gpt_neox.layers.{i}.input_layernorm.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "gpt_neox.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "gpt_neox.layers.{i}.post_attention_layernorm.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "gpt_neox.layers.{i}.attention.query_key_value.weight",
          .shape = {"3*num_attention_heads*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kSplitInterleavedQkv,
          .args = {.heads = "num_attention_heads", .head_dim = "head_dim"}},
    Param{.name = "gpt_neox.layers.{i}.attention.query_key_value.bias",
          .shape = {"3*num_attention_heads*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kSplitInterleavedQkv,
          .args = {.heads = "num_attention_heads", .head_dim = "head_dim"}},
    Param{.name = "gpt_neox.layers.{i}.attention.dense.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "gpt_neox.layers.{i}.attention.dense.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "gpt_neox.layers.{i}.mlp.dense_h_to_4h.weight",
          .shape = {"intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .out_dtype = DType::kF32},
    Param{.name = "gpt_neox.layers.{i}.mlp.dense_h_to_4h.bias",
          .shape = {"intermediate_size"},
          .kind = ParamKind::kLinearBias,
          .dtype = DType::kF32,
          .out_dtype = DType::kF32},
    Param{.name = "gpt_neox.layers.{i}.mlp.dense_4h_to_h.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .out_dtype = DType::kF32},
    Param{.name = "gpt_neox.layers.{i}.mlp.dense_4h_to_h.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .dtype = DType::kF32,
          .out_dtype = DType::kF32},
};

static constexpr std::array kTail = {
    Param{.name = "gpt_neox.final_layer_norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "gpt_neox.final_layer_norm.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "embed_out.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear},
};

static constexpr Ignored kIgnored[] = {
    {.pattern = "gpt_neox.layers.{i}.attention.bias", .rule = "causal mask"},
    {.pattern = "gpt_neox.layers.{i}.attention.masked_bias", .rule = "causal mask"},
    {.pattern = "gpt_neox.layers.{i}.attention.rotary_emb.inv_freq",
     .rule = "rotary frequencies, computed from the config"},
};

static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "use_parallel_residual", .type = FieldType::kBool},
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "layer_norm_eps", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "rotary_pct", .type = FieldType::kNumber},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "ffn_out_dtype", .type = FieldType::kString, .otherwise = "'float32'"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    steps::kContext,         steps::kRopeBase,    steps::kHeadDim,
    steps::kHeadsFillHidden, steps::kPrefill8192,
};

static constexpr ForwardTraits kForward = {
    .layers = "num_hidden_layers",
    .embedding = "gpt_neox.embed_in",
    .norm = {.kind = NormKind::kLayer, .eps = "layer_norm_eps"},
    .attention_norm = "gpt_neox.layers.{i}.input_layernorm",
    .mlp_norm = "gpt_neox.layers.{i}.post_attention_layernorm",
    .parallel = "use_parallel_residual",
    .attention = {.heads = "num_attention_heads",
                  .kv_heads = "num_attention_heads",
                  .head_dim = "head_dim",
                  .qkv = "gpt_neox.layers.{i}.attention.query_key_value",
                  .out = "gpt_neox.layers.{i}.attention.dense",
                  .rope = {.theta = "position_embedding_base",
                           .part = "rotary_pct",
                           .scaling = "'rope_scaling' in config and config.rope_scaling"}},
    .mlp = {.up = "gpt_neox.layers.{i}.mlp.dense_h_to_4h",
            .down = "gpt_neox.layers.{i}.mlp.dense_4h_to_h",
            .activation = "'hidden_act' in config and config.hidden_act or 'gelu'"},
    .final_norm = "gpt_neox.final_layer_norm",
    .head = "embed_out",
};

static constexpr Architecture kModels[] = {
    {.model_type = "gpt_neox",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_gpt_neox = kModels;

}  // namespace mlc
