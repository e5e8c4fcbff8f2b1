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

static constexpr Architecture kModels[] = {
    {.model_type = "exaone4",
     .class_names = {"Exaone4ForCausalLM"},
     .config = {.fields = kFields, .steps = kKinSteps},
     .body = kBody,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_exaone4 = kModels;

}  // namespace mlc
