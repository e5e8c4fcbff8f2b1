// DeepSeek and Kimi K2: version 1 with plain attention, versions 2 and 3 with latent attention.
// Layers from first_k_dense_replace on, every moe_layer_freq-th of them, have experts.
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
    Param{.name = "model.layers.{i}.self_attn.wqkv_pack.bias",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.bias",
                      "model.layers.{i}.self_attn.k_proj.bias",
                      "model.layers.{i}.self_attn.v_proj.bias"},
          .when = "attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.self_attn.o_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "attention_bias"},
};

static constexpr std::array kGate = {
    Param{.name = "model.layers.{i}.mlp.gate.weight",
          .shape = {"n_routed_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "i >= first_k_dense_replace and i % moe_layer_freq == 0"},
};

// Routed experts and those that all tokens share; version 1 may have none of the latter.
static constexpr std::array kExperts = {
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.weight",
          .shape = {"n_routed_experts", "2*moe_intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStackOfConcat,
          .sources = {"model.layers.{i}.mlp.experts.{e}.gate_proj.weight",
                      "model.layers.{i}.mlp.experts.{e}.up_proj.weight"},
          .each = "n_routed_experts",
          .when = "i >= first_k_dense_replace and i % moe_layer_freq == 0"},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.weight",
          .shape = {"n_routed_experts", "hidden_size", "moe_intermediate_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStack,
          .sources = {"model.layers.{i}.mlp.experts.{e}.down_proj.weight"},
          .each = "n_routed_experts",
          .when = "i >= first_k_dense_replace and i % moe_layer_freq == 0"},
    Param{.name = "model.layers.{i}.mlp.shared_experts.gate_up_proj.weight",
          .shape = {"2*moe_intermediate_size*n_shared_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.mlp.shared_experts.gate_proj.weight",
                      "model.layers.{i}.mlp.shared_experts.up_proj.weight"},
          .when = "i >= first_k_dense_replace and i % moe_layer_freq == 0 and n_shared_experts is "
                  "not None"},
    Param{.name = "model.layers.{i}.mlp.shared_experts.down_proj.weight",
          .shape = {"hidden_size", "moe_intermediate_size*n_shared_experts"},
          .kind = ParamKind::kLinear,
          .when = "i >= first_k_dense_replace and i % moe_layer_freq == 0 and n_shared_experts is "
                  "not None"},
};

static constexpr std::array kDenseMlp = {
    Param{
        .name = "model.layers.{i}.mlp.gate_up_proj.weight",
        .shape = {"2*intermediate_size", "hidden_size"},
        .kind = ParamKind::kLinear,
        .op = Op::kConcat,
        .sources = {"model.layers.{i}.mlp.gate_proj.weight", "model.layers.{i}.mlp.up_proj.weight"},
        .when = "not (i >= first_k_dense_replace and i % moe_layer_freq == 0)"},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .when = "not (i >= first_k_dense_replace and i % moe_layer_freq == 0)"},
};

static constexpr auto kLayer = join(kAttention, kGate, kExperts, kDenseMlp, kLlamaLayerNorms);
static constexpr auto kTail = join(kLlamaNorm, kOwnHead);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kRotaryIgnored},
    {.params = kTail},
};

// kv_b_proj is kept and also taken apart, once per half: three params of one source, and their
// block scales likewise.
static constexpr std::array kLatentAttention = {
    Param{.name = "model.layers.{i}.self_attn.q_a_proj.weight",
          .shape = {"q_lora_rank", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "q_lora_rank is not None"},
    Param{.name = "model.layers.{i}.self_attn.q_a_proj.bias",
          .shape = {"q_lora_rank"},
          .kind = ParamKind::kLinearBias,
          .when = "(attention_bias) and (q_lora_rank is not None)"},
    Param{.name = "model.layers.{i}.self_attn.q_a_layernorm.weight",
          .shape = {"q_lora_rank"},
          .kind = ParamKind::kNorm,
          .when = "q_lora_rank is not None"},
    Param{.name = "model.layers.{i}.self_attn.q_b_proj.weight",
          .shape = {"num_attention_heads*(qk_nope_head_dim+qk_rope_head_dim)", "q_lora_rank"},
          .kind = ParamKind::kLinear,
          .when = "q_lora_rank is not None"},
    Param{.name = "model.layers.{i}.self_attn.q_proj.weight",
          .shape = {"num_attention_heads*(qk_nope_head_dim+qk_rope_head_dim)", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "q_lora_rank is None"},
    Param{.name = "model.layers.{i}.self_attn.kv_a_proj_with_mqa.weight",
          .shape = {"kv_lora_rank+qk_rope_head_dim", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.self_attn.kv_a_proj_with_mqa.bias",
          .shape = {"kv_lora_rank+qk_rope_head_dim"},
          .kind = ParamKind::kLinearBias,
          .when = "attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.kv_a_layernorm.weight",
          .shape = {"kv_lora_rank"},
          .kind = ParamKind::kNorm},
    Param{
        .name = "model.layers.{i}.self_attn.kv_b_proj.weight",
        .shape =
            {"num_attention_heads*(qk_nope_head_dim+qk_rope_head_dim-qk_rope_head_dim+v_head_dim)",
             "kv_lora_rank"},
        .kind = ParamKind::kLinear,
        .rank = 2},
    Param{
        .name = "model.layers.{i}.self_attn.w_uk",
        .shape = {"num_attention_heads", "kv_lora_rank", "qk_nope_head_dim"},
        .op = Op::kMlaKvBK,
        .args = {.heads = "num_key_value_heads", .nope = "qk_nope_head_dim", .value = "v_head_dim"},
        .sources = {"model.layers.{i}.self_attn.kv_b_proj.weight"},
        .rank = 0},
    Param{
        .name = "model.layers.{i}.self_attn.w_uv",
        .shape = {"num_attention_heads", "v_head_dim", "kv_lora_rank"},
        .op = Op::kMlaKvBV,
        .args = {.heads = "num_key_value_heads", .nope = "qk_nope_head_dim", .value = "v_head_dim"},
        .sources = {"model.layers.{i}.self_attn.kv_b_proj.weight"},
        .rank = 1},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*v_head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.self_attn.o_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.w_uk_scale_inv",
          .shape = {"num_attention_heads", "kv_lora_rank//weight_block_size[1]",
                    "qk_nope_head_dim//weight_block_size[0]"},
          .op = Op::kMlaKvBK,
          .args = {.heads = "num_key_value_heads",
                   .nope = "qk_nope_head_dim//weight_block_size[0]",
                   .value = "v_head_dim//weight_block_size[0]"},
          .sources = {"model.layers.{i}.self_attn.kv_b_proj.weight_scale_inv"},
          .only_quant_kind = "block-scale-quant",
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.self_attn.w_uv_scale_inv",
          .shape = {"num_attention_heads", "v_head_dim//weight_block_size[0]",
                    "kv_lora_rank//weight_block_size[1]"},
          .op = Op::kMlaKvBV,
          .args = {.heads = "num_key_value_heads",
                   .nope = "qk_nope_head_dim//weight_block_size[0]",
                   .value = "v_head_dim//weight_block_size[0]"},
          .sources = {"model.layers.{i}.self_attn.kv_b_proj.weight_scale_inv"},
          .only_quant_kind = "block-scale-quant",
          .dtype = DType::kF32,
          .rank = 1},
};

static constexpr std::array kLatentGate = {
    Param{.name = "model.layers.{i}.mlp.gate.weight",
          .shape = {"n_routed_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "i >= first_k_dense_replace and i % moe_layer_freq == 0",
          .out_dtype = DType::kF32},
    Param{
        .name = "model.layers.{i}.mlp.e_score_correction_bias",
        .shape = {"n_routed_experts"},
        .sources = {"model.layers.{i}.mlp.gate.e_score_correction_bias"},
        .when =
            "i >= first_k_dense_replace and i % moe_layer_freq == 0 and topk_method == 'noaux_tc'",
        .dtype = DType::kF32},
};

static constexpr auto kLatentLayer =
    join(kLatentAttention, kLatentGate, kExperts, kDenseMlp, kLlamaLayerNorms);

static constexpr Ignored kPredictionLayer[] = {
    {.pattern = "model.layers.{num_hidden_layers}.*",
     .rule = "layers that predict further tokens",
     .counted = true},
};
static constexpr Block kLatentBody[] = {
    {.params = kPlainEmbedding, .ignored = kPredictionLayer},
    {.variable = "i",
     .count = "num_hidden_layers",
     .params = kLatentLayer,
     .ignored = kRotaryIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "moe_intermediate_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "n_shared_experts", .otherwise = "None"},
    {.name = "n_routed_experts"},
    {.name = "moe_layer_freq"},
    {.name = "first_k_dense_replace"},
    {.name = "hidden_act", .type = FieldType::kString},
    {.name = "norm_topk_prob", .type = FieldType::kBool},
    {.name = "attention_bias", .type = FieldType::kBool},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
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
};

static constexpr Step kSteps[] = {
    steps::kContext,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kPrefill8192,
};

static constexpr Field kLatentFields[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "moe_intermediate_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "n_shared_experts", .otherwise = "None"},
    {.name = "n_routed_experts"},
    {.name = "num_experts_per_tok"},
    {.name = "norm_topk_prob", .type = FieldType::kBool},
    {.name = "first_k_dense_replace"},
    {.name = "moe_layer_freq"},
    {.name = "routed_scaling_factor", .type = FieldType::kNumber},
    {.name = "scoring_func", .type = FieldType::kString},
    {.name = "topk_method", .type = FieldType::kString},
    {.name = "n_group", .type = FieldType::kAny},
    {.name = "topk_group", .type = FieldType::kAny},
    {.name = "attention_bias", .type = FieldType::kBool},
    {.name = "kv_lora_rank"},
    {.name = "qk_rope_head_dim"},
    {.name = "v_head_dim"},
    {.name = "qk_nope_head_dim"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "rope_theta", .type = FieldType::kNumber},
    {.name = "q_lora_rank", .otherwise = "None"},
    {.name = "rope_scaling", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "dtype", .type = FieldType::kString, .otherwise = "'float32'"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "weight_block_size", .type = FieldType::kList, .otherwise = "None"},
};

static constexpr Step kLatentSteps[] = {
    {.verb = Verb::kFp8Blocks},
    steps::kContext,
    steps::kHeadsGroup,
    steps::kPrefill2048,
};

// Version 1.
static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.supported = "n_shared_experts is not None";
  f.attention.qkv = "model.layers.{i}.self_attn.wqkv_pack";
  f.attention.rope.theta = "rope_theta";
  f.mlp.activation = "hidden_act";
  f.moe = {.when = "i >= first_k_dense_replace and i % moe_layer_freq == 0",
           .top_k = "num_experts_per_tok",
           .router = "model.layers.{i}.mlp.gate",
           .gate_up = "model.layers.{i}.mlp.moe_gate_up_proj",
           .down = "model.layers.{i}.mlp.moe_down_proj",
           .normalize = "norm_topk_prob",
           .shared = {.gate_up = "model.layers.{i}.mlp.shared_experts.gate_up_proj",
                      .down = "model.layers.{i}.mlp.shared_experts.down_proj",
                      .activation = "hidden_act"}};
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "deepseek",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
    {.model_type = "deepseek_v2",
     .config = {.fields = kLatentFields, .steps = kLatentSteps},
     .body = kLatentBody},
    {.model_type = "deepseek_v3",
     .config = {.fields = kLatentFields, .steps = kLatentSteps},
     .body = kLatentBody},
    {.model_type = "kimi_k2",
     .config = {.fields = kLatentFields, .steps = kLatentSteps},
     .body = kLatentBody,
     .in_mlc_llm = false,
     .note = "also K2 Thinking"},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_deepseek = kModels;

}  // namespace mlc
