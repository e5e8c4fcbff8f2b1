// Granite 4: Mamba 2 layers with attention in some, experts beside an MLP that all tokens share.
// The dense sizes have no experts, some of them no Mamba layer either. As in Granite 3, multipliers
// stand in the config alone.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

// in_proj gives z, x, B, C and dt; x, B and C go through the convolution.
static constexpr std::array kMamba = {
    Param{.name = "model.layers.{i}.mamba.in_proj.weight",
          .shape = {"2*mamba_expand*hidden_size+2*mamba_n_groups*mamba_d_state+mamba_n_heads",
                    "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mamba.in_proj.bias",
          .shape = {"2*mamba_expand*hidden_size+2*mamba_n_groups*mamba_d_state+mamba_n_heads"},
          .kind = ParamKind::kLinearBias,
          .when = "mamba_proj_bias"},
    Param{.name = "model.layers.{i}.mamba.conv1d.weight",
          .shape = {"mamba_expand*hidden_size+2*mamba_n_groups*mamba_d_state", "1", "mamba_d_conv"},
          .kind = ParamKind::kConv},
    Param{.name = "model.layers.{i}.mamba.conv1d.bias",
          .shape = {"mamba_expand*hidden_size+2*mamba_n_groups*mamba_d_state"},
          .kind = ParamKind::kConv,
          .when = "mamba_conv_bias"},
    Param{
        .name = "model.layers.{i}.mamba.dt_bias", .shape = {"mamba_n_heads"}, .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mamba.A_log", .shape = {"mamba_n_heads"}, .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mamba.D", .shape = {"mamba_n_heads"}, .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mamba.norm.weight",
          .shape = {"mamba_expand*hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.mamba.out_proj.weight",
          .shape = {"hidden_size", "mamba_expand*hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mamba.out_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "mamba_proj_bias"},
};

// The checkpoint holds all experts of a layer in one tensor, gate rows first.
static constexpr std::array kExperts = {
    Param{.name = "model.layers.{i}.mlp.gate.weight",
          .shape = {"num_local_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.block_sparse_moe.router.layer.weight"}},
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.weight",
          .shape = {"num_local_experts", "2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .sources = {"model.layers.{i}.block_sparse_moe.input_linear.weight"}},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.weight",
          .shape = {"num_local_experts", "hidden_size", "intermediate_size"},
          .kind = ParamKind::kExperts,
          .sources = {"model.layers.{i}.block_sparse_moe.output_linear.weight"}},
};

static constexpr std::array kSharedMlp = {
    Param{.name = "model.layers.{i}.shared_mlp.gate_up_proj.weight",
          .shape = {"2*shared_intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.shared_mlp.input_linear.weight"}},
    Param{.name = "model.layers.{i}.shared_mlp.down_proj.weight",
          .shape = {"hidden_size", "shared_intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.shared_mlp.output_linear.weight"}},
};

static constexpr auto kMlpAndNorms = join(kSharedMlp, kLlamaLayerNorms);
static constexpr Block kLayer[] = {
    {.when = "layer_types is not None and layer_types[i] == 'attention'",
     .params = kLlamaAttention},
    {.when = "layer_types is None or layer_types[i] == 'mamba'", .params = kMamba},
    {.when = "num_local_experts > 0", .params = kExperts},
    {.params = kMlpAndNorms},
};
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .blocks = kLayer},
    {.params = kKinTail},
    kTiedHead,
};

static constexpr auto kFields =
    join(kKinFields,
         std::array{
             kRmsNormEps,
             kUntiedUnlessSaid,
             kAttentionBias,
             Field{.name = "layer_types", .type = FieldType::kList, .otherwise = "None"},
             Field{.name = "position_embedding_type", .type = FieldType::kAny, .otherwise = "None"},
             Field{.name = "num_local_experts", .otherwise = "8"},
             Field{.name = "num_experts_per_tok", .otherwise = "2"},
             Field{.name = "shared_intermediate_size", .otherwise = "1024"},
             Field{.name = "mamba_n_heads", .otherwise = "128"},
             Field{.name = "mamba_n_groups", .otherwise = "1"},
             Field{.name = "mamba_d_state", .otherwise = "256"},
             Field{.name = "mamba_d_conv", .otherwise = "4"},
             Field{.name = "mamba_expand", .otherwise = "2"},
             Field{.name = "mamba_chunk_size", .otherwise = "256"},
             Field{.name = "mamba_conv_bias", .type = FieldType::kBool, .otherwise = "True"},
             Field{.name = "mamba_proj_bias", .type = FieldType::kBool, .otherwise = "False"},
             Field{.name = "embedding_multiplier", .type = FieldType::kNumber, .otherwise = "1.0"},
             Field{.name = "attention_multiplier", .type = FieldType::kNumber, .otherwise = "1.0"},
             Field{.name = "residual_multiplier", .type = FieldType::kNumber, .otherwise = "1.0"},
             Field{.name = "logits_scaling", .type = FieldType::kNumber, .otherwise = "1.0"},
         });
static constexpr auto kSteps =
    join(kKinSteps, std::array{steps::kHeadsFillHidden,
                               steps::check("mamba_expand*hidden_size % mamba_n_heads == 0")});

static constexpr Architecture kModels[] = {
    {.model_type = "granitemoehybrid",
     .class_names = {"GraniteMoeHybridForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_granitemoehybrid = kModels;

}  // namespace mlc
