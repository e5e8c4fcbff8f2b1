// Qwen 3.5: every full_attention_interval-th layer has attention, with a gate of its own in q_proj,
// the others a linear recurrence. Norms are stored as their distance from one, added in float32,
// but for the norm inside the linear attention.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "model.embed_tokens.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"model.language_model.embed_tokens.weight"}},
};

static constexpr std::array kAttention = {
    Param{.name = "model.layers.{i}.self_attn.c_attn.weight",
          .shape = {"(2*num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.language_model.layers.{i}.self_attn.q_proj.weight",
                      "model.language_model.layers.{i}.self_attn.k_proj.weight",
                      "model.language_model.layers.{i}.self_attn.v_proj.weight"},
          .when = "(i+1) % full_attention_interval == 0"},
    Param{.name = "model.layers.{i}.self_attn.c_attn.bias",
          .shape = {"(2*num_attention_heads+2*num_key_value_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.language_model.layers.{i}.self_attn.q_proj.bias",
                      "model.language_model.layers.{i}.self_attn.k_proj.bias",
                      "model.language_model.layers.{i}.self_attn.v_proj.bias"},
          .when = "(attention_bias) and ((i+1) % full_attention_interval == 0)"},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.self_attn.o_proj.weight"},
          .when = "(i+1) % full_attention_interval == 0"},
    Param{.name = "model.layers.{i}.self_attn.o_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"model.language_model.layers.{i}.self_attn.o_proj.bias"},
          .when = "(attention_bias) and ((i+1) % full_attention_interval == 0)"},
    Param{.name = "model.layers.{i}.self_attn.q_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"model.language_model.layers.{i}.self_attn.q_norm.weight"},
          .when = "(i+1) % full_attention_interval == 0"},
    Param{.name = "model.layers.{i}.self_attn.k_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"model.language_model.layers.{i}.self_attn.k_norm.weight"},
          .when = "(i+1) % full_attention_interval == 0"},
};

static constexpr std::array kLinearAttention = {
    Param{.name = "model.layers.{i}.linear_attn.in_proj_qkv.weight",
          .shape = {"linear_num_key_heads*linear_key_head_dim+linear_num_key_heads*linear_key_head_"
                    "dim+linear_num_value_heads*linear_value_head_dim",
                    "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.linear_attn.in_proj_qkv.weight"},
          .when = "(i+1) % full_attention_interval != 0"},
    Param{.name = "model.layers.{i}.linear_attn.in_proj_z.weight",
          .shape = {"linear_num_value_heads*linear_value_head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.linear_attn.in_proj_z.weight"},
          .when = "(i+1) % full_attention_interval != 0"},
    Param{.name = "model.layers.{i}.linear_attn.in_proj_a.weight",
          .shape = {"linear_num_value_heads", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.linear_attn.in_proj_a.weight"},
          .when = "(i+1) % full_attention_interval != 0"},
    Param{.name = "model.layers.{i}.linear_attn.in_proj_b.weight",
          .shape = {"linear_num_value_heads", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.linear_attn.in_proj_b.weight"},
          .when = "(i+1) % full_attention_interval != 0"},
    Param{.name = "model.layers.{i}.linear_attn.out_proj.weight",
          .shape = {"hidden_size", "linear_num_value_heads*linear_value_head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.linear_attn.out_proj.weight"},
          .when = "(i+1) % full_attention_interval != 0"},
    Param{.name = "model.layers.{i}.linear_attn.conv1d_weight",
          .shape = {"linear_num_key_heads*linear_key_head_dim+linear_num_key_heads*linear_key_head_"
                    "dim+linear_num_value_heads*linear_value_head_dim",
                    "1", "linear_conv_kernel_dim"},
          .sources = {"model.language_model.layers.{i}.linear_attn.conv1d.weight"},
          .when = "(i+1) % full_attention_interval != 0"},
    Param{.name = "model.layers.{i}.linear_attn.A_log",
          .shape = {"linear_num_value_heads"},
          .sources = {"model.language_model.layers.{i}.linear_attn.A_log"},
          .when = "(i+1) % full_attention_interval != 0",
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.linear_attn.dt_bias",
          .shape = {"linear_num_value_heads"},
          .sources = {"model.language_model.layers.{i}.linear_attn.dt_bias"},
          .when = "(i+1) % full_attention_interval != 0",
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.linear_attn.norm.weight",
          .shape = {"linear_value_head_dim"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.linear_attn.norm.weight"},
          .when = "(i+1) % full_attention_interval != 0"},
};

static constexpr std::array kMlpAndNorms = {
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.language_model.layers.{i}.mlp.gate_proj.weight",
                      "model.language_model.layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.mlp.down_proj.weight"}},
    Param{.name = "model.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"model.language_model.layers.{i}.input_layernorm.weight"}},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"model.language_model.layers.{i}.post_attention_layernorm.weight"}},
};

static constexpr std::array kNorm = {
    Param{.name = "model.norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"model.language_model.norm.weight"}},
};

static constexpr Ignored kLeftOut[] = {
    {.pattern = "model.visual.*",
     .rule = "the vision tower, which MLC leaves out",
     .counted = true},
    {.pattern = "mtp.*", .rule = "layers that predict further tokens", .counted = true},
};
static constexpr auto kLayer = join(kAttention, kLinearAttention, kMlpAndNorms);
static constexpr auto kTail = join(kNorm, kPlainHead);
static constexpr Block kBody[] = {
    {.params = kEmbedding, .ignored = kLeftOut},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer},
    {.params = kTail},
    kTiedHead,
};

static constexpr Field kFields[] = {
    {.name = "hidden_size", .otherwise = "0"},
    {.name = "intermediate_size", .otherwise = "0"},
    {.name = "num_attention_heads", .otherwise = "0"},
    {.name = "num_hidden_layers", .otherwise = "0"},
    {.name = "num_key_value_heads", .otherwise = "0"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber, .otherwise = "1e-06"},
    {.name = "vocab_size", .otherwise = "0"},
    {.name = "rope_theta", .type = FieldType::kNumber, .otherwise = "10000000"},
    {.name = "head_dim", .otherwise = "256"},
    {.name = "hidden_act", .type = FieldType::kString, .otherwise = "'silu'"},
    {.name = "attention_bias", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "linear_key_head_dim", .otherwise = "128"},
    {.name = "linear_value_head_dim", .otherwise = "128"},
    {.name = "linear_num_key_heads", .otherwise = "16"},
    {.name = "linear_num_value_heads", .otherwise = "16"},
    {.name = "linear_conv_kernel_dim", .otherwise = "4"},
    {.name = "full_attention_interval", .otherwise = "4"},
    {.name = "partial_rotary_factor", .type = FieldType::kNumber, .otherwise = "0.25"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "dtype", .type = FieldType::kString, .otherwise = "'float32'"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    {.verb = Verb::kMember,
     .field = "rope_theta",
     .when = When::kAlways,
     .keys = {"rope_theta"},
     .object = "rope_parameters"},
    {.verb = Verb::kMember,
     .field = "partial_rotary_factor",
     .when = When::kAlways,
     .keys = {"partial_rotary_factor"},
     .object = "rope_parameters"},
    steps::kContext,
    steps::kPrefill2048,
};
static constexpr ConfigTable kConfig = {
    .fields = kFields, .steps = kSteps, .flatten = "text_config"};

// mlc_llm asks for language_model also in models that are text alone, whose names lack it.
static constexpr Rename kTextAlone[] = {{.from = "model.language_model.", .to = "model."}};

static constexpr Architecture kModels[] = {
    {.model_type = "qwen3_5", .config = kConfig, .body = kBody, .renames = kTextAlone},
    {.model_type = "qwen3_5_text", .config = kConfig, .body = kBody, .renames = kTextAlone},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_qwen3_5 = kModels;

}  // namespace mlc
