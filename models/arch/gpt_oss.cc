// gpt-oss: experts with biases in every layer, and a sink for each head of attention. Released
// weights are MXFP4 [experts, out, in]; in 16 bits, as transformers writes them, [experts, in,
// out]. Both have the outputs of gate and up in turn. The shapes of down_proj are the same either
// way where hidden_size is intermediate_size, so the config decides.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr Expr kIsMxfp4 =
    "'quantization_config' in config and config.quantization_config is not None and "
    "config.quantization_config.quant_method == 'mxfp4'";
static constexpr Expr kIsPlain =
    "not ('quantization_config' in config and config.quantization_config is not None and "
    "config.quantization_config.quant_method == 'mxfp4')";

static constexpr std::array kAttention = {
    Param{.name = "model.layers.{i}.self_attn.sinks",
          .shape = {"num_attention_heads"},
          .dtype = DType::kF32},
};

static constexpr std::array kRouter = {
    Param{.name = "model.layers.{i}.mlp.gate.weight",
          .shape = {"num_local_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.mlp.router.weight"}},
    Param{.name = "model.layers.{i}.mlp.gate.bias",
          .shape = {"num_local_experts"},
          .kind = ParamKind::kLinearBias,
          .sources = {"model.layers.{i}.mlp.router.bias"}},
};

static constexpr std::array kMxfp4Experts = {
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.weight",
          .shape = {"num_local_experts", "2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kDeinterleaveRows,
          .sources = {"model.layers.{i}.mlp.experts.gate_up_proj"}},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.weight",
          .shape = {"num_local_experts", "hidden_size", "intermediate_size"},
          .kind = ParamKind::kExperts,
          .sources = {"model.layers.{i}.mlp.experts.down_proj"}},
};

static constexpr std::array kPlainExperts = {
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.weight",
          .shape = {"num_local_experts", "2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kTransposeDeinterleaved,
          .sources = {"model.layers.{i}.mlp.experts.gate_up_proj"}},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.weight",
          .shape = {"num_local_experts", "hidden_size", "intermediate_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kTransposeEach,
          .sources = {"model.layers.{i}.mlp.experts.down_proj"}},
};

static constexpr std::array kExpertBiases = {
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.bias",
          .shape = {"num_local_experts", "2*intermediate_size"},
          .op = Op::kDeinterleaveColumns,
          .sources = {"model.layers.{i}.mlp.experts.gate_up_proj_bias"}},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.bias",
          .shape = {"num_local_experts", "hidden_size"},
          .sources = {"model.layers.{i}.mlp.experts.down_proj_bias"}},
};

static constexpr auto kAttentionAndRouter =
    join(with_condition(kLlamaAttention, ".bias", "attention_bias"), kAttention, kRouter);
static constexpr auto kBiasesAndNorms = join(kExpertBiases, kLlamaLayerNorms);
static constexpr Block kLayer[] = {
    {.params = kAttentionAndRouter},
    {.when = kIsMxfp4, .params = kMxfp4Experts},
    {.when = kIsPlain, .params = kPlainExperts},
    {.params = kBiasesAndNorms},
};
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .blocks = kLayer},
    {.params = kKinTail},
    kTiedHead,
};

static constexpr auto kFields = join(
    kKinFields, std::array{
                    kRmsNormEps,
                    kUntiedUnlessSaid,
                    Field{.name = "attention_bias", .type = FieldType::kBool, .otherwise = "True"},
                    Field{.name = "num_local_experts", .otherwise = "128"},
                    Field{.name = "num_experts_per_tok", .otherwise = "4"},
                    Field{.name = "layer_types", .type = FieldType::kList, .otherwise = "None"},
                    Field{.name = "sliding_window", .otherwise = "128"},
                    Field{.name = "swiglu_limit", .type = FieldType::kNumber, .otherwise = "7.0"},
                });
// transformers' defaults, before the common steps fill in others.
static constexpr auto kSteps = join(std::array{steps::set("head_dim", "64")}, kKinSteps);

static constexpr Architecture kModels[] = {
    {.model_type = "gpt_oss",
     .class_names = {"GptOssForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_gpt_oss = kModels;

}  // namespace mlc
