// Mamba 2: a stack of state space layers, without attention.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "model.embeddings.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"backbone.embeddings.weight"}},
};

// in_proj gives z, x, B, C and dt; x, B and C go through the convolution.
static constexpr std::array kLayer = {
    Param{.name = "model.layers.{i}.norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"backbone.layers.{i}.norm.weight"}},
    Param{.name = "model.layers.{i}.mixer.in_proj.weight",
          .shape = {"2*num_heads*head_dim+2*n_groups*state_size+num_heads", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"backbone.layers.{i}.mixer.in_proj.weight"}},
    Param{.name = "model.layers.{i}.mixer.in_proj.bias",
          .shape = {"2*num_heads*head_dim+2*n_groups*state_size+num_heads"},
          .kind = ParamKind::kLinearBias,
          .sources = {"backbone.layers.{i}.mixer.in_proj.bias"},
          .when = "use_bias"},
    Param{.name = "model.layers.{i}.mixer.conv1d.weight",
          .shape = {"num_heads*head_dim+2*n_groups*state_size", "1", "conv_kernel"},
          .kind = ParamKind::kConv,
          .sources = {"backbone.layers.{i}.mixer.conv1d.weight"}},
    Param{.name = "model.layers.{i}.mixer.conv1d.bias",
          .shape = {"num_heads*head_dim+2*n_groups*state_size"},
          .kind = ParamKind::kConv,
          .sources = {"backbone.layers.{i}.mixer.conv1d.bias"},
          .when = "use_conv_bias"},
    Param{.name = "model.layers.{i}.mixer.dt_bias",
          .shape = {"num_heads"},
          .sources = {"backbone.layers.{i}.mixer.dt_bias"},
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mixer.A_log",
          .shape = {"num_heads"},
          .sources = {"backbone.layers.{i}.mixer.A_log"},
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mixer.D",
          .shape = {"num_heads"},
          .sources = {"backbone.layers.{i}.mixer.D"},
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mixer.norm.weight",
          .shape = {"num_heads*head_dim"},
          .kind = ParamKind::kNorm,
          .sources = {"backbone.layers.{i}.mixer.norm.weight"}},
    Param{.name = "model.layers.{i}.mixer.out_proj.weight",
          .shape = {"hidden_size", "num_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"backbone.layers.{i}.mixer.out_proj.weight"}},
    Param{.name = "model.layers.{i}.mixer.out_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"backbone.layers.{i}.mixer.out_proj.bias"},
          .when = "use_bias"},
};

static constexpr std::array kNorm = {
    Param{.name = "model.norm_f.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"backbone.norm_f.weight"}},
};

static constexpr auto kTail = join(kNorm, kPlainHead);
static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer},
    {.params = kTail},
    kTiedHead,
};

// A state has no window: context_window_size is that of training, or none.
static constexpr Field kFields[] = {
    {.name = "hidden_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_heads", .otherwise = "128"},
    {.name = "head_dim", .otherwise = "64"},
    {.name = "state_size", .otherwise = "128"},
    {.name = "n_groups", .otherwise = "8"},
    {.name = "expand", .otherwise = "2"},
    {.name = "conv_kernel", .otherwise = "4"},
    {.name = "chunk_size", .otherwise = "256"},
    {.name = "use_bias", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "use_conv_bias", .type = FieldType::kBool, .otherwise = "True"},
    {.name = "rms_norm", .type = FieldType::kBool, .otherwise = "True"},
    {.name = "layer_norm_epsilon", .type = FieldType::kNumber, .otherwise = "1e-05"},
    {.name = "hidden_act", .type = FieldType::kString, .otherwise = "'silu'"},
    {.name = "time_step_limit", .type = FieldType::kAny, .otherwise = "None"},
    {.name = "vocab_size"},
    kUntiedUnlessSaid,
    {.name = "context_window_size", .otherwise = "-1"},
    {.name = "prefill_chunk_size", .otherwise = "4096"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    steps::check("expand*hidden_size == num_heads*head_dim"),
    steps::check("num_heads % n_groups == 0"),
};

static constexpr Architecture kModels[] = {
    {.model_type = "mamba2",
     .class_names = {"Mamba2ForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_mamba2 = kModels;

}  // namespace mlc
