// Nemotron: no gate in the feed-forward layers. Its norms are stored as their distance from one,
// which the runtime adds.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kMlp = {
    Param{.name = "model.layers.{i}.mlp.up_proj.weight",
          .shape = {"intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.up_proj.bias",
          .shape = {"intermediate_size"},
          .kind = ParamKind::kLinearBias,
          .when = "mlp_bias"},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.down_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "mlp_bias"},
};

static constexpr auto kLayer = join(kLlamaAttention, kMlp, kBiasedLayerNorms);
static constexpr auto kTail = join(kBiasedNorm, kLlamaHead);
static constexpr Block kBody[] = {
    {.params = kLlamaEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kTail},
    kTiedHead,
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "max_position_embeddings"},
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "num_key_value_heads"},
    {.name = "rope_theta", .type = FieldType::kNumber, .otherwise = "10000"},
    {.name = "partial_rotary_factor", .type = FieldType::kNumber, .otherwise = "0.5"},
    {.name = "rope_scaling", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "norm_eps", .type = FieldType::kNumber, .otherwise = "1e-05"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "mlp_bias", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "pipeline_parallel_stages", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "disaggregation", .type = FieldType::kBool, .otherwise = "False"},
};

static constexpr Step kSteps[] = {
    steps::set("context_window_size", "max_position_embeddings"),
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kPrefill8192,
};

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.norm = {.kind = NormKind::kLayer, .eps = "norm_eps", .plus_one = true};
  f.attention.rope.theta = "rope_theta";
  f.attention.rope.part = "partial_rotary_factor";
  f.mlp = {.up = "model.layers.{i}.mlp.up_proj",
           .down = "model.layers.{i}.mlp.down_proj",
           .activation = "'hidden_act' in config and config.hidden_act or 'relu2'"};
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "nemotron",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_nemotron = kModels;

}  // namespace mlc
