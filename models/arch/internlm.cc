// InternLM 1: Llama's shape, with biases on the attention. InternLM 2 and 2.5: names of their own,
// and rows of qkv in one group per key head, which are taken apart here.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kAttention = {
    Param{.name = "model.layers.{i}.self_attn.wqkv_pack.weight",
          .shape = {"3*num_attention_heads*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.wqkv_pack.bias",
          .shape = {"3*num_attention_heads*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.bias",
                      "model.layers.{i}.self_attn.k_proj.bias",
                      "model.layers.{i}.self_attn.v_proj.bias"},
          .when = "bias"},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.self_attn.o_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "bias"},
};

static constexpr auto kLayer = join(kAttention, kLlamaMlp, kLlamaLayerNorms);
static constexpr auto kTail = join(kLlamaNorm, kOwnHead);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "intermediate_size"},
    {.name = "bias", .type = FieldType::kBool},
    {.name = "use_cache", .type = FieldType::kBool},
    {.name = "pad_token_id", .type = FieldType::kAny},
    {.name = "bos_token_id", .type = FieldType::kAny},
    {.name = "eos_token_id", .type = FieldType::kAny},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
};

static constexpr Step kSteps[] = {
    steps::kContext,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kPrefill8192,
};

static constexpr std::array kEmbedding2 = {
    Param{.name = "model.tok_embeddings.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
};

static constexpr std::array kLayer2 = {
    Param{.name = "model.layers.{i}.attention.wqkv.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kSplitGroupedQkv,
          .args = {.heads = "num_key_value_heads",
                   .head_dim = "hidden_size//num_attention_heads",
                   .queries = "num_attention_heads//num_key_value_heads"}},
    Param{.name = "model.layers.{i}.attention.wqkv.bias",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kSplitGroupedQkv,
          .args = {.heads = "num_key_value_heads",
                   .head_dim = "hidden_size//num_attention_heads",
                   .queries = "num_attention_heads//num_key_value_heads"},
          .when = "bias"},
    Param{.name = "model.layers.{i}.attention.wo.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.attention.wo.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "bias"},
    Param{.name = "model.layers.{i}.feed_forward.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.feed_forward.w1.weight",
                      "model.layers.{i}.feed_forward.w3.weight"}},
    Param{.name = "model.layers.{i}.feed_forward.w2.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.attention_norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.ffn_norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};

static constexpr std::array kTail2 = {
    Param{.name = "model.norm.weight", .shape = {"hidden_size"}, .kind = ParamKind::kNorm},
    Param{.name = "output.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear},
};

static constexpr Block kBody2[] = {
    {.params = kEmbedding2},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer2},
    {.params = kTail2},
};

static constexpr Field kFields2[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "intermediate_size"},
    {.name = "bias", .type = FieldType::kBool},
    {.name = "use_cache", .type = FieldType::kBool},
    {.name = "rope_theta", .type = FieldType::kNumber},
    {.name = "pad_token_id", .type = FieldType::kAny},
    {.name = "bos_token_id", .type = FieldType::kAny},
    {.name = "eos_token_id", .type = FieldType::kAny},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
};

static constexpr Step kSteps2[] = {
    steps::kContext,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kPrefill2048,
};

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.attention.kv_heads = "num_attention_heads";
  f.attention.qkv = "model.layers.{i}.self_attn.wqkv_pack";
  f.attention.rope = {.theta =
                          "'rotary' in config and 'base' in config.rotary and"
                          " config.rotary.base or 10000"};
  return f;
}();

static constexpr ForwardTraits kForward2 = {
    .layers = "num_hidden_layers",
    .embedding = "model.tok_embeddings",
    .norm = {.eps = "rms_norm_eps"},
    .attention_norm = "model.layers.{i}.attention_norm",
    .mlp_norm = "model.layers.{i}.ffn_norm",
    .attention = {.heads = "num_attention_heads",
                  .kv_heads = "num_key_value_heads",
                  .head_dim = "head_dim",
                  .qkv = "model.layers.{i}.attention.wqkv",
                  .out = "model.layers.{i}.attention.wo",
                  .rope = {.theta = "rope_theta", .scaling = kConfigRopeScaling}},
    .mlp = {.gate_up = "model.layers.{i}.feed_forward.gate_up_proj",
            .down = "model.layers.{i}.feed_forward.w2",
            .activation = "'hidden_act' in config and config.hidden_act or 'silu'"},
    .final_norm = "model.norm",
    .head = "output",
};

static constexpr Architecture kModels[] = {
    {.model_type = "internlm",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
    {.model_type = "internlm2",
     .config = {.fields = kFields2, .steps = kSteps2},
     .body = kBody2,
     .forward = &kForward2},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_internlm = kModels;

}  // namespace mlc
