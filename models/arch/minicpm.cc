// MiniCPM, dense and with experts (num_experts > 0).
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kAttention = {
    Param{.name = "model.layers.{i}.self_attn.wqkv_pack.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
};

static constexpr std::array kMlp = {
    Param{.name = "model.layers.{i}.mlp.gate.weight",
          .shape = {"num_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "num_experts > 0"},
    Param{.name = "model.layers.{i}.mlp.e1_e3.weight",
          .shape = {"num_experts", "2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStackOfConcat,
          .sources = {"model.layers.{i}.mlp.experts.{e}.w1.weight",
                      "model.layers.{i}.mlp.experts.{e}.w3.weight"},
          .each = "num_experts",
          .when = "num_experts > 0"},
    Param{.name = "model.layers.{i}.mlp.e2.weight",
          .shape = {"num_experts", "hidden_size", "intermediate_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStack,
          .sources = {"model.layers.{i}.mlp.experts.{e}.w2.weight"},
          .each = "num_experts",
          .when = "num_experts > 0"},
    Param{
        .name = "model.layers.{i}.mlp.gate_up_proj.weight",
        .shape = {"2*intermediate_size", "hidden_size"},
        .kind = ParamKind::kLinear,
        .op = Op::kConcat,
        .sources = {"model.layers.{i}.mlp.gate_proj.weight", "model.layers.{i}.mlp.up_proj.weight"},
        .when = "num_experts == 0"},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .when = "num_experts == 0"},
};

static constexpr auto kLayer = join(kAttention, kMlp, kLlamaLayerNorms);
static constexpr auto kTail = join(kLlamaNorm, kPlainHead);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kRotaryIgnored},
    {.params = kTail},
    kTiedHead,
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "hidden_act", .type = FieldType::kString},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "intermediate_size"},
    {.name = "scale_emb", .type = FieldType::kNumber},
    {.name = "scale_depth", .type = FieldType::kNumber},
    {.name = "dim_model_base"},
    {.name = "use_cache", .type = FieldType::kBool},
    {.name = "bos_token_id", .type = FieldType::kAny},
    {.name = "eos_token_id", .type = FieldType::kAny},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "rope_theta", .type = FieldType::kNumber, .otherwise = "10000"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "num_experts_per_tok", .otherwise = "0"},
    {.name = "num_experts", .otherwise = "0"},
};

static constexpr Step kSteps[] = {
    steps::kContext,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kPrefill8192,
};

// With experts, they take the place of the MLP in all layers.
static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.embedding_scale = {{"scale_emb"}};
  f.residual_scale = {{"scale_depth"}, {"num_hidden_layers", -0.5}};
  f.logit_scale = {{"dim_model_base"}, {"hidden_size", -1}};
  f.attention.qkv = "model.layers.{i}.self_attn.wqkv_pack";
  f.attention.rope.theta = "rope_theta";
  f.mlp.activation = "hidden_act";
  f.moe = {.when = "num_experts > 0",
           .top_k = "num_experts_per_tok",
           .router = "model.layers.{i}.mlp.gate",
           .gate_up = "model.layers.{i}.mlp.e1_e3",
           .down = "model.layers.{i}.mlp.e2",
           .normalize = "True"};
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "minicpm",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_minicpm = kModels;

}  // namespace mlc
