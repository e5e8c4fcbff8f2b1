// Qwen 3.5 with experts in every layer.
#include "models/arch/kin_rows.h"
#include "models/arch/qwen3_5_rows.h"
#include "models/well_formed.h"

namespace mlc {

// Released weights hold all experts of a layer in one tensor; checkpoints that are quantized have
// a tensor for each, because their tools see linear layers alone.
static constexpr Expr kQuantized =
    "'quantization_config' in config and config.quantization_config is not None";
static constexpr std::array kFusedExperts = {
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.weight",
          .shape = {"num_experts", "2*moe_intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .sources = {"{$root}layers.{i}.mlp.experts.gate_up_proj"}},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.weight",
          .shape = {"num_experts", "hidden_size", "moe_intermediate_size"},
          .kind = ParamKind::kExperts,
          .sources = {"{$root}layers.{i}.mlp.experts.down_proj"}},
};

static constexpr auto kRecurrent = join(kQwen35InProj, kQwen35LinearAttention);
static constexpr auto kTail = join(kQwen35Norm, kPlainHead);
static constexpr Block kLayer[] = {
    {.when = kQwen35IsFull, .params = kQwen35Attention},
    {.when = kQwen35IsLinear, .params = kRecurrent},
    {.params = kQwen35Router},
    {.when = kQuantized, .params = kQwen35Experts},
    {.when = "'quantization_config' not in config or config.quantization_config is None",
     .params = kFusedExperts},
    {.params = kQwen35LayerNorms},
};
static constexpr Block kBody[] = {
    {.params = kQwen35Embedding, .ignored = kQwen35LeftOut},
    {.variable = "i", .count = "num_hidden_layers", .blocks = kLayer},
    {.params = kTail},
    kTiedHead,
};

static constexpr ConfigTable kConfig = {
    .fields = kQwen35MoeFields, .steps = kQwen35Steps, .flatten = "text_config"};
static constexpr Alias kWithVision[] = {{.name = "root", .text = "model.language_model."}};
static constexpr Rename kTextAlone[] = {{.from = "model.language_model.", .to = "model."}};

static constexpr Architecture kModels[] = {
    {.model_type = "qwen3_5_moe",
     .class_names = {"Qwen3_5MoeForConditionalGeneration"},
     .config = kConfig,
     .body = kBody,
     .aliases = kWithVision,
     .renames = kTextAlone,
     .in_mlc_llm = false},
    {.model_type = "qwen3_5_moe_text",
     .class_names = {"Qwen3_5MoeForCausalLM"},
     .config = kConfig,
     .body = kBody,
     .aliases = kWithVision,
     .renames = kTextAlone,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_qwen3_5_moe = kModels;

}  // namespace mlc
