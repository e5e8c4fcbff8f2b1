// Qwen 3, dense and MoE: Qwen 2 with norms on the heads of q and k, and without biases. The
// embedding models are Qwen 3 without its outer module, so their names lack "model.".
#include "models/arch/llama_rows.h"
#include "models/arch/qwen_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr Alias kCausal[] = {{.name = "root", .text = "model."}};
static constexpr Alias kBare[] = {{.name = "root", .text = ""}};

static constexpr std::array kEmbedding = {
    Param{.name = "model.embed_tokens.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"{$root}embed_tokens.weight"}},
};

static constexpr std::array kAttention = {
    Param{.name = "model.layers.{i}.self_attn.c_attn.weight",
          .shape = {"(2*num_key_value_heads+num_attention_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"{$root}layers.{i}.self_attn.q_proj.weight",
                      "{$root}layers.{i}.self_attn.k_proj.weight",
                      "{$root}layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.c_attn.bias",
          .shape = {"(2*num_key_value_heads+num_attention_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"{$root}layers.{i}.self_attn.q_proj.bias",
                      "{$root}layers.{i}.self_attn.k_proj.bias",
                      "{$root}layers.{i}.self_attn.v_proj.bias"},
          .when = "attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.self_attn.o_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.o_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$root}layers.{i}.self_attn.o_proj.bias"},
          .when = "attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.q_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .sources = {"{$root}layers.{i}.self_attn.q_norm.weight"}},
    Param{.name = "model.layers.{i}.self_attn.k_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .sources = {"{$root}layers.{i}.self_attn.k_norm.weight"}},
};

static constexpr std::array kMlp = {
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"{$root}layers.{i}.mlp.gate_proj.weight",
                      "{$root}layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.mlp.down_proj.weight"}},
};

static constexpr std::array kNorms = {
    Param{.name = "model.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$root}layers.{i}.input_layernorm.weight"}},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$root}layers.{i}.post_attention_layernorm.weight"}},
};

static constexpr std::array kNorm = {
    Param{.name = "model.norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$root}norm.weight"}},
};

static constexpr auto kLayer = join(kAttention, kMlp, kNorms);
static constexpr auto kTail = join(kNorm, kPlainHead);
static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kRotaryIgnored},
    {.params = kTail},
    kTiedHead,
};

static constexpr auto kMoeLayer = join(kAttention, kQwenExperts, kNorms);
static constexpr auto kMoeTail = join(kNorm, kOwnHead);
static constexpr Block kMoeBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kMoeLayer, .ignored = kRotaryIgnored},
    {.params = kMoeTail},
};

static constexpr Field kFields[] = {
    {.name = "hidden_act", .type = FieldType::kString},
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "attention_bias", .type = FieldType::kBool},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "num_key_value_heads"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "rope_theta", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "dtype", .type = FieldType::kString, .otherwise = "'float32'"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "weight_block_size", .type = FieldType::kList, .otherwise = "None"},
};

static constexpr Field kMoeFields[] = {
    {.name = "hidden_act", .type = FieldType::kString},
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "attention_bias", .type = FieldType::kBool},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "num_key_value_heads"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "rope_theta", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "dtype", .type = FieldType::kString, .otherwise = "'float32'"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "weight_block_size", .type = FieldType::kList, .otherwise = "None"},
    {.name = "moe_intermediate_size", .otherwise = "0"},
    {.name = "num_experts_per_tok", .otherwise = "0"},
    {.name = "num_experts", .otherwise = "0"},
    {.name = "decoder_sparse_step", .otherwise = "0"},
    {.name = "norm_topk_prob", .type = FieldType::kBool, .otherwise = "False"},
};

static constexpr Step kSteps[] = {
    {.verb = Verb::kFp8Blocks},
    steps::kContext,
    steps::kPrefill2048,
};

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kQwenForward;
  f.attention.q_norm = "model.layers.{i}.self_attn.q_norm";
  f.attention.k_norm = "model.layers.{i}.self_attn.k_norm";
  return f;
}();

static constexpr ForwardTraits kMoeForward = [] {
  ForwardTraits f = kForward;
  f.mlp = {.activation = "hidden_act"};
  f.moe = kQwenMoe;
  return f;
}();

static constexpr Embedding kLastToken = {.side = "decoder", .pooling = "last"};

static constexpr Architecture kModels[] = {
    {.model_type = "qwen3",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .aliases = kCausal,
     .forward = &kForward},
    {.model_type = "qwen3-embedding",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .aliases = kBare,
     .embedding = kLastToken},
    {.model_type = "qwen3_moe",
     .config = {.fields = kMoeFields, .steps = kSteps},
     .body = kMoeBody,
     .aliases = kCausal,
     .forward = &kMoeForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_qwen3 = kModels;

}  // namespace mlc
