// Seed-OSS: Llama's tensors with biases on q, k and v, and heads wider than the model.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr auto kLayer =
    join(with_condition(with_condition(kLlamaAttention, "qkv_proj.bias", "attention_bias"),
                        "o_proj.bias", "attention_out_bias"),
         kLlamaMlp, kLlamaLayerNorms);
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
             kMlpBias,
             Field{.name = "attention_bias", .type = FieldType::kBool, .otherwise = "True"},
             Field{.name = "attention_out_bias", .type = FieldType::kBool, .otherwise = "False"},
         });

// The class's own width of a head, whatever the model's.
static constexpr auto kSteps = join(std::array{steps::set("head_dim", "128")}, kKinSteps);

static constexpr Architecture kModels[] = {
    {.model_type = "seed_oss",
     .class_names = {"SeedOssForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false,
     .forward = &kKinForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_seed_oss = kModels;

}  // namespace mlc
