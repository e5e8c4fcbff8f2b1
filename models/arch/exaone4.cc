// EXAONE 4: norms on the heads of q and k, and on what each half of a layer gives; none before it.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kNorms = {
    Param{.name = "model.layers.{i}.self_attn.q_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.self_attn.k_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.post_feedforward_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};
// The class has no biases, whatever its config says.
static constexpr auto kLayer = join(with_condition(kLlamaAttention, ".bias", "False"),
                                    with_condition(kLlamaMlp, ".bias", "False"), kNorms);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kKinTail},
    kTiedHead,
};

static constexpr auto kFields =
    join(kKinFields,
         std::array{
             kRmsNormEps,
             kUntiedUnlessSaid,
             Field{.name = "sliding_window", .otherwise = "None"},
             Field{.name = "sliding_window_pattern", .type = FieldType::kAny, .otherwise = "None"},
             Field{.name = "layer_types", .type = FieldType::kAny, .otherwise = "None"},
         });

// With windows, the layers without one don't rotate. How older files spell the pattern is not run.
static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kKinForward;
  f.supported = "sliding_window is None or layer_types is not None";
  f.attention_norm = f.mlp_norm = {};
  f.attention_post_norm = "model.layers.{i}.post_attention_layernorm";
  f.mlp_post_norm = "model.layers.{i}.post_feedforward_layernorm";
  f.attention.q_norm = "model.layers.{i}.self_attn.q_norm";
  f.attention.k_norm = "model.layers.{i}.self_attn.k_norm";
  f.attention.window =
      "sliding_window is not None and layer_types[i] == 'sliding_attention' and sliding_window or"
      " 0";
  f.attention.rope.when = "sliding_window is None or layer_types[i] == 'sliding_attention'";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "exaone4",
     .class_names = {"Exaone4ForCausalLM"},
     .config = {.fields = kFields, .steps = kKinSteps},
     .body = kBody,
     .in_mlc_llm = false,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_exaone4 = kModels;

}  // namespace mlc
