// GLM 4 (0414) in transformers' own layout: gate and up are one tensor, and what each half of a
// layer gives has a norm. GLM 4.5 to 4.7: experts from first_k_dense_replace on, DeepSeek's router.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

// The class has no bias on the output.
static constexpr auto kAttention = with_condition(
    with_condition(kLlamaAttention, "qkv_proj.bias", "attention_bias"), "o_proj.bias", "False");

static constexpr std::array kMlp = {
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.post_self_attn_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.post_mlp_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};
static constexpr auto kLayer = join(kAttention, kMlp, kLlamaLayerNorms);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kKinTail},
    kTiedHead,
};

static constexpr Field kRotaryFactor = {
    .name = "partial_rotary_factor", .type = FieldType::kNumber, .otherwise = "0.5"};
static constexpr auto kFields =
    join(kKinFields, std::array{kRmsNormEps, kUntiedUnlessSaid, kAttentionBias, kRotaryFactor});

// The class's own width of a head, whatever the model's.
static constexpr auto kSteps = join(std::array{steps::set("head_dim", "128")}, kKinSteps);

static constexpr std::array kHeadNorms = {
    Param{.name = "model.layers.{i}.self_attn.q_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .when = "use_qk_norm"},
    Param{.name = "model.layers.{i}.self_attn.k_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .when = "use_qk_norm"},
};

static constexpr std::array kExperts = {
    Param{.name = "model.layers.{i}.mlp.gate.weight",
          .shape = {"n_routed_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .out_dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mlp.e_score_correction_bias",
          .shape = {"n_routed_experts"},
          .sources = {"model.layers.{i}.mlp.gate.e_score_correction_bias"},
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.weight",
          .shape = {"n_routed_experts", "2*moe_intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStackOfConcat,
          .sources = {"model.layers.{i}.mlp.experts.{e}.gate_proj.weight",
                      "model.layers.{i}.mlp.experts.{e}.up_proj.weight"},
          .each = "n_routed_experts"},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.weight",
          .shape = {"n_routed_experts", "hidden_size", "moe_intermediate_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStack,
          .sources = {"model.layers.{i}.mlp.experts.{e}.down_proj.weight"},
          .each = "n_routed_experts"},
    Param{.name = "model.layers.{i}.mlp.shared_experts.gate_up_proj.weight",
          .shape = {"2*moe_intermediate_size*n_shared_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.mlp.shared_experts.gate_proj.weight",
                      "model.layers.{i}.mlp.shared_experts.up_proj.weight"},
          .when = "n_shared_experts > 0"},
    Param{.name = "model.layers.{i}.mlp.shared_experts.down_proj.weight",
          .shape = {"hidden_size", "moe_intermediate_size*n_shared_experts"},
          .kind = ParamKind::kLinear,
          .when = "n_shared_experts > 0"},
};

static constexpr auto kMoeLayer = join(kAttention, kHeadNorms, kLlamaLayerNorms);
static constexpr auto kDenseMlp = with_condition(kLlamaMlp, ".bias", "False");
static constexpr Block kMlps[] = {
    {.when = "i >= first_k_dense_replace", .params = kExperts},
    {.when = "i < first_k_dense_replace", .params = kDenseMlp},
};
static constexpr Ignored kPrediction[] = {
    {.pattern = "model.layers.{num_hidden_layers+j}.*",
     .rule = "layers that predict further tokens",
     .counted = true},
};
static constexpr Block kMoeBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i",
     .count = "num_hidden_layers",
     .params = kMoeLayer,
     .ignored = kLlamaIgnored,
     .blocks = kMlps},
    {.params = kKinTail},
    {.variable = "j", .count = "max(num_nextn_predict_layers, 1)", .ignored = kPrediction},
    kTiedHead,
};

static constexpr auto kMoeFields =
    join(kKinFields,
         std::array{
             kRmsNormEps,
             kUntiedUnlessSaid,
             kAttentionBias,
             kRotaryFactor,
             Field{.name = "use_qk_norm", .type = FieldType::kBool, .otherwise = "False"},
             Field{.name = "moe_intermediate_size"},
             Field{.name = "n_routed_experts"},
             Field{.name = "n_shared_experts", .otherwise = "1"},
             Field{.name = "num_experts_per_tok"},
             Field{.name = "first_k_dense_replace"},
             Field{.name = "norm_topk_prob", .type = FieldType::kBool, .otherwise = "True"},
             Field{.name = "routed_scaling_factor", .type = FieldType::kNumber, .otherwise = "1.0"},
             Field{.name = "n_group", .otherwise = "1"},
             Field{.name = "topk_group", .otherwise = "1"},
             Field{.name = "num_nextn_predict_layers", .otherwise = "0"},
         });

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kKinForward;
  f.attention_post_norm = "model.layers.{i}.post_self_attn_layernorm";
  f.mlp_post_norm = "model.layers.{i}.post_mlp_layernorm";
  f.attention.rope.part = "partial_rotary_factor";
  f.attention.rope.interleaved = true;
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "glm4",
     .class_names = {"Glm4ForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false,
     .note = "GLM 4 0414",
     .forward = &kForward},
    {.model_type = "glm4_moe",
     .class_names = {"Glm4MoeForCausalLM"},
     .config = {.fields = kMoeFields, .steps = kKinSteps},
     .body = kMoeBody,
     .in_mlc_llm = false,
     .note = "GLM 4.5 to 4.7, Air"},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_glm4 = kModels;

}  // namespace mlc
