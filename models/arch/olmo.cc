// OLMo 1, whose norms have no weights; OLMo 2, which norms q, k and what each half of a layer
// gives; OLMo 3, the same with sliding windows, which stand in the config.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr auto kLayer = join(kLlamaAttention, kLlamaMlp);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kPlainHead},
    kTiedHead,
};

static constexpr std::array kHeadNorms = {
    Param{.name = "model.layers.{i}.self_attn.q_norm.weight",
          .shape = {"num_attention_heads*head_dim"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.self_attn.k_norm.weight",
          .shape = {"num_key_value_heads*head_dim"},
          .kind = ParamKind::kNorm},
};

static constexpr std::array kNorms = {
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.post_feedforward_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};

static constexpr auto kLayer2 = join(kLlamaAttention, kHeadNorms, kLlamaMlp, kNorms);
static constexpr auto kTail2 = join(kLlamaNorm, kPlainHead);
static constexpr Block kBody2[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer2, .ignored = kLlamaIgnored},
    {.params = kTail2},
    kTiedHead,
};

static constexpr Field kFields[] = {
    {.name = "vocab_size", .otherwise = "None"},
    {.name = "hidden_size", .otherwise = "None"},
    {.name = "num_attention_heads", .otherwise = "None"},
    {.name = "num_key_value_heads", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "rope_scaling", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "intermediate_size", .otherwise = "None"},
    {.name = "hidden_act", .type = FieldType::kString, .otherwise = "None"},
    {.name = "num_hidden_layers", .otherwise = "None"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "pipeline_parallel_stages", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "clip_qkv", .type = FieldType::kNumber, .otherwise = "None"},
};

static constexpr Field kFields2[] = {
    {.name = "vocab_size", .otherwise = "None"},
    {.name = "hidden_size", .otherwise = "None"},
    {.name = "num_attention_heads", .otherwise = "None"},
    {.name = "num_key_value_heads", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "rope_scaling", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "intermediate_size", .otherwise = "None"},
    {.name = "hidden_act", .type = FieldType::kString, .otherwise = "None"},
    {.name = "num_hidden_layers", .otherwise = "None"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber, .otherwise = "1e-05"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "pipeline_parallel_stages", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    steps::kKeyValueHeads,   steps::kHeadDim,
    steps::kHeadsGroup,      steps::kRopeBase,
    steps::kContext,         steps::kPrefill8192,
    steps::kStagesFitLayers, steps::check("clip_qkv is None or clip_qkv > 0"),
};

static constexpr Step kSteps2[] = {
    steps::kKeyValueHeads, steps::kHeadDim,     steps::kHeadsGroup,      steps::kRopeBase,
    steps::kContext,       steps::kPrefill8192, steps::kStagesFitLayers,
};

static constexpr auto kFields3 =
    join(kKinFields, std::array{
                         kRmsNormEps,
                         kUntiedUnlessSaid,
                         kAttentionBias,
                         Field{.name = "sliding_window", .otherwise = "None"},
                         Field{.name = "layer_types", .type = FieldType::kAny, .otherwise = "None"},
                     });

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.norm = {.kind = NormKind::kLayer, .eps = "1e-5", .weightless = true};
  f.attention_norm = f.mlp_norm = f.final_norm = {};
  f.attention.clip = "clip_qkv";
  return f;
}();

static constexpr ForwardTraits kForward2 = [] {
  ForwardTraits f = kLlamaForward;
  f.attention_norm = f.mlp_norm = {};
  f.attention_post_norm = "model.layers.{i}.post_attention_layernorm";
  f.mlp_post_norm = "model.layers.{i}.post_feedforward_layernorm";
  f.attention.head_norm = HeadNorm::kWhole;
  f.attention.q_norm = "model.layers.{i}.self_attn.q_norm";
  f.attention.k_norm = "model.layers.{i}.self_attn.k_norm";
  return f;
}();

// Only layers without a window scale their rotations.
static constexpr ForwardTraits kForward3 = [] {
  ForwardTraits f = kForward2;
  f.attention.window =
      "(layer_types is not None and layer_types[i] == 'sliding_attention' or"
      " layer_types is None and (i+1) % 4 != 0) and (sliding_window or 4096) or 0";
  f.attention.rope.scaling = "rope_scaling or rope_parameters";
  f.attention.rope.local_theta = "position_embedding_base";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "olmo",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
    {.model_type = "olmo2",
     .config = {.fields = kFields2, .steps = kSteps2},
     .body = kBody2,
     .forward = &kForward2},
    {.model_type = "olmo3",
     .class_names = {"Olmo3ForCausalLM"},
     .config = {.fields = kFields3, .steps = kKinSteps},
     .body = kBody2,
     .in_mlc_llm = false,
     .forward = &kForward3},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_olmo = kModels;

}  // namespace mlc
