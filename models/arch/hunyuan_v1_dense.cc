// Hunyuan, dense: Llama's tensors with norms on the heads of q and k, after the rotation.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kHeadNorms = {
    Param{.name = "model.layers.{i}.self_attn.query_layernorm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .when = "use_qk_norm"},
    Param{.name = "model.layers.{i}.self_attn.key_layernorm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .when = "use_qk_norm"},
};
static constexpr auto kLayer = join(kLlamaAttention, kHeadNorms, kLlamaMlp, kLlamaLayerNorms);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kKinTail},
    kTiedHead,
};

static constexpr auto kFields = join(
    kKinFields, std::array{
                    kRmsNormEps,
                    kUntiedUnlessSaid,
                    kAttentionBias,
                    kMlpBias,
                    Field{.name = "use_qk_norm", .type = FieldType::kBool, .otherwise = "True"},
                    Field{.name = "use_cla", .type = FieldType::kBool, .otherwise = "False"},
                });

// Older files call the width of a head attention_head_dim. Layers that share keys and values
// (use_cla) have other tensors.
static constexpr auto kSteps = join(
    std::array{
        steps::take("head_dim", "attention_head_dim", "hidden_size//num_attention_heads"),
        steps::check("not use_cla"),
    },
    kKinSteps);

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kKinForward;
  f.attention.q_norm = "model.layers.{i}.self_attn.query_layernorm";
  f.attention.k_norm = "model.layers.{i}.self_attn.key_layernorm";
  f.attention.norm_after_rope = true;
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "hunyuan_v1_dense",
     .class_names = {"HunYuanDenseV1ForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_hunyuan_v1_dense = kModels;

}  // namespace mlc
