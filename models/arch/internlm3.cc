// InternLM 3: Llama's tensors again, unlike InternLM 2; two switches for the biases.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr auto kLayer =
    join(with_condition(with_condition(kLlamaAttention, "qkv_proj.bias", "qkv_bias"), "o_proj.bias",
                        "bias"),
         with_condition(kLlamaMlp, ".bias", "bias"), kLlamaLayerNorms);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kKinTail},
    kTiedHead,
};

static constexpr auto kFields =
    join(kKinFields, std::array{
                         kRmsNormEps,
                         kTiedUnlessSaid,
                         Field{.name = "qkv_bias", .type = FieldType::kBool, .otherwise = "False"},
                         Field{.name = "bias", .type = FieldType::kBool, .otherwise = "False"},
                     });

static constexpr Architecture kModels[] = {
    {.model_type = "internlm3",
     .class_names = {"InternLM3ForCausalLM"},
     .config = {.fields = kFields, .steps = kKinSteps},
     .body = kBody,
     .in_mlc_llm = false,
     .forward = &kKinForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_internlm3 = kModels;

}  // namespace mlc
