// SmolLM 3: Llama's tensors; which layers rotate positions stands in the config.
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

static constexpr auto kFields = join(
    kKinFields, std::array{
                    kRmsNormEps,
                    kTiedUnlessSaid,
                    kAttentionBias,
                    kMlpBias,
                    Field{.name = "no_rope_layers", .type = FieldType::kList, .otherwise = "None"},
                    Field{.name = "no_rope_layer_interval", .otherwise = "4"},
                });

// 1 for layers that rotate, all but every fourth where the file does not say.
static constexpr auto kSteps =
    join(kKinSteps, std::array{Step{
                        .verb = Verb::kList,
                        .field = "no_rope_layers",
                        .when = When::kNullOrEmpty,
                        .expression = "min((i+1)%no_rope_layer_interval, 1)",
                        .count = "num_hidden_layers",
                    }});

// No release of it has windows; which layers would have them depends on the release of
// transformers.
static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kKinForward;
  f.supported = "not ('use_sliding_window' in config and config.use_sliding_window)";
  f.attention.rope.when = "no_rope_layers[i] != 0";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "smollm3",
     .class_names = {"SmolLM3ForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_smollm3 = kModels;

}  // namespace mlc
