// Granite 3: Llama's tensors. Its four multipliers (of embeddings, attention, residuals and logits)
// stand in the config alone.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr auto kLayer = join(kLlamaAttention, kLlamaMlp, kLlamaLayerNorms);
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
             kAttentionBias,
             kMlpBias,
             Field{.name = "embedding_multiplier", .type = FieldType::kNumber, .otherwise = "1.0"},
             Field{.name = "attention_multiplier", .type = FieldType::kNumber, .otherwise = "1.0"},
             Field{.name = "residual_multiplier", .type = FieldType::kNumber, .otherwise = "1.0"},
             Field{.name = "logits_scaling", .type = FieldType::kNumber, .otherwise = "1.0"},
         });

// No release of it has heads of another width.
static constexpr auto kSteps = join(kKinSteps, std::array{steps::kHeadsFillHidden});

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kKinForward;
  f.embedding_scale = {{"embedding_multiplier"}};
  f.attention.scale = {{"attention_multiplier"}};
  f.residual_scale = {{"residual_multiplier"}};
  f.logit_scale = {{"logits_scaling", -1}};
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "granite",
     .class_names = {"GraniteForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_granite = kModels;

}  // namespace mlc
