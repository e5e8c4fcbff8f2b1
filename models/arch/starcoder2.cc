// StarCoder 2. mlc_llm always makes the head from the embedding, which comes out after it; a
// checkpoint that says that it is not tied has a head of its own.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr auto kEmbedding = std::array{
    Param{.name = "model.embed_tokens.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .rank = 1},
};

static constexpr std::array kAttentionAndMlp = {
    Param{.name = "model.layers.{i}.self_attn.wqkv_pack.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.wqkv_pack.bias",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.bias",
                      "model.layers.{i}.self_attn.k_proj.bias",
                      "model.layers.{i}.self_attn.v_proj.bias"},
          .when = "use_bias"},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.self_attn.o_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "use_bias"},
    Param{.name = "model.layers.{i}.mlp.c_fc.weight",
          .shape = {"intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.c_fc.bias",
          .shape = {"intermediate_size"},
          .kind = ParamKind::kLinearBias,
          .when = "use_bias"},
    Param{.name = "model.layers.{i}.mlp.c_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.c_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "use_bias"},
};

static constexpr std::array kHead = {
    Param{.name = "lm_head.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.embed_tokens.weight"},
          .when = "'tie_word_embeddings' not in config or config.tie_word_embeddings"},
    Param{.name = "lm_head.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "'tie_word_embeddings' in config and not config.tie_word_embeddings"},
};

static constexpr Block kSharedHead = {
    .when = "'tie_word_embeddings' not in config or config.tie_word_embeddings",
    .ignored = kTiedHeadIgnored};
static constexpr auto kLayer = join(kAttentionAndMlp, kBiasedLayerNorms);
static constexpr auto kTail = join(kBiasedNorm, kHead);
static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kRotaryIgnored},
    {.params = kTail},
    kSharedHead,
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "hidden_act", .type = FieldType::kString},
    {.name = "norm_epsilon", .type = FieldType::kNumber},
    {.name = "intermediate_size"},
    {.name = "rope_theta", .type = FieldType::kNumber},
    {.name = "use_bias", .type = FieldType::kBool},
    {.name = "use_cache", .type = FieldType::kBool},
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

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.norm = {.kind = NormKind::kLayer, .eps = "norm_epsilon"};
  f.attention.qkv = "model.layers.{i}.self_attn.wqkv_pack";
  f.attention.rope.theta = "rope_theta";
  f.attention.window = kConfigWindow;
  f.mlp = {.up = "model.layers.{i}.mlp.c_fc",
           .down = "model.layers.{i}.mlp.c_proj",
           .activation = "hidden_act"};
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "starcoder2",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_starcoder2 = kModels;

}  // namespace mlc
