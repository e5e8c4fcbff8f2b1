// Llama 4: the text model. Experts are plain params in the checkpoint's own layout, [experts, in,
// out], so no scheme quantizes them; the vision tower is left out.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "model.embed_tokens.weight",
          .shape = {"@vocab_size", "text_config.hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"language_model.model.embed_tokens.weight"}},
};

static constexpr std::array kAttention = {
    Param{.name = "model.layers.{i}.self_attn.q_proj.weight",
          .shape = {"text_config.num_attention_heads*text_config.head_dim",
                    "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"language_model.model.layers.{i}.self_attn.q_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.q_proj.bias",
          .shape = {"text_config.num_attention_heads*text_config.head_dim"},
          .kind = ParamKind::kLinearBias,
          .sources = {"language_model.model.layers.{i}.self_attn.q_proj.bias"},
          .when = "text_config.attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.k_proj.weight",
          .shape = {"text_config.num_key_value_heads*text_config.head_dim",
                    "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"language_model.model.layers.{i}.self_attn.k_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.k_proj.bias",
          .shape = {"text_config.num_key_value_heads*text_config.head_dim"},
          .kind = ParamKind::kLinearBias,
          .sources = {"language_model.model.layers.{i}.self_attn.k_proj.bias"},
          .when = "text_config.attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.v_proj.weight",
          .shape = {"text_config.num_key_value_heads*text_config.head_dim",
                    "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"language_model.model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.v_proj.bias",
          .shape = {"text_config.num_key_value_heads*text_config.head_dim"},
          .kind = ParamKind::kLinearBias,
          .sources = {"language_model.model.layers.{i}.self_attn.v_proj.bias"},
          .when = "text_config.attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"text_config.hidden_size",
                    "text_config.num_attention_heads*text_config.head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"language_model.model.layers.{i}.self_attn.o_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.o_proj.bias",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"language_model.model.layers.{i}.self_attn.o_proj.bias"},
          .when = "text_config.attention_bias"},
};

// Layers without experts, every second one of Maverick. mlc_llm has no sources for them, and takes
// intermediate_size for their width; the checkpoints' width is intermediate_size_mlp.
static constexpr std::array kDenseMlp = {
    Param{.name = "model.layers.{i}.feed_forward.gate_up_proj.weight",
          .shape = {"2*text_config.kwargs.intermediate_size_mlp", "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"language_model.model.layers.{i}.feed_forward.gate_proj.weight",
                      "language_model.model.layers.{i}.feed_forward.up_proj.weight"},
          .when = "i not in text_config.moe_layers and "
                  "'intermediate_size_mlp' in text_config.kwargs"},
    Param{.name = "model.layers.{i}.feed_forward.gate_up_proj.weight",
          .shape = {"2*text_config.intermediate_size", "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"language_model.model.layers.{i}.feed_forward.gate_proj.weight",
                      "language_model.model.layers.{i}.feed_forward.up_proj.weight"},
          .when = "i not in text_config.moe_layers and "
                  "'intermediate_size_mlp' not in text_config.kwargs"},
    Param{.name = "model.layers.{i}.feed_forward.down_proj.weight",
          .shape = {"text_config.hidden_size", "text_config.kwargs.intermediate_size_mlp"},
          .kind = ParamKind::kLinear,
          .sources = {"language_model.model.layers.{i}.feed_forward.down_proj.weight"},
          .when = "i not in text_config.moe_layers and "
                  "'intermediate_size_mlp' in text_config.kwargs"},
    Param{.name = "model.layers.{i}.feed_forward.down_proj.weight",
          .shape = {"text_config.hidden_size", "text_config.intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"language_model.model.layers.{i}.feed_forward.down_proj.weight"},
          .when = "i not in text_config.moe_layers and "
                  "'intermediate_size_mlp' not in text_config.kwargs"},
};

static constexpr std::array kExperts = {
    Param{.name = "model.layers.{i}.feed_forward.experts.gate_up_proj",
          .shape = {"text_config.num_local_experts", "text_config.hidden_size",
                    "2*text_config.intermediate_size"},
          .sources = {"language_model.model.layers.{i}.feed_forward.experts.gate_up_proj"},
          .when = "i in text_config.moe_layers"},
    Param{.name = "model.layers.{i}.feed_forward.experts.down_proj",
          .shape = {"text_config.num_local_experts", "text_config.intermediate_size",
                    "text_config.hidden_size"},
          .sources = {"language_model.model.layers.{i}.feed_forward.experts.down_proj"},
          .when = "i in text_config.moe_layers"},
    Param{.name = "model.layers.{i}.feed_forward.router.router.weight",
          .shape = {"text_config.num_local_experts", "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"language_model.model.layers.{i}.feed_forward.router.weight"},
          .when = "i in text_config.moe_layers"},
    Param{.name = "model.layers.{i}.feed_forward.shared_expert.gate_up_proj.weight",
          .shape = {"2*text_config.intermediate_size", "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"language_model.model.layers.{i}.feed_forward.shared_expert.gate_proj.weight",
                      "language_model.model.layers.{i}.feed_forward.shared_expert.up_proj.weight"},
          .when = "i in text_config.moe_layers"},
    Param{
        .name = "model.layers.{i}.feed_forward.shared_expert.down_proj.weight",
        .shape = {"text_config.hidden_size", "text_config.intermediate_size"},
        .kind = ParamKind::kLinear,
        .sources = {"language_model.model.layers.{i}.feed_forward.shared_expert.down_proj.weight"},
        .when = "i in text_config.moe_layers"},
};

static constexpr std::array kNorms = {
    Param{.name = "model.layers.{i}.input_layernorm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"language_model.model.layers.{i}.input_layernorm.weight"}},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"language_model.model.layers.{i}.post_attention_layernorm.weight"}},
};

static constexpr std::array kTail = {
    Param{.name = "model.norm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"language_model.model.norm.weight"}},
    Param{.name = "lm_head.weight",
          .shape = {"@vocab_size", "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"language_model.lm_head.weight"},
          .when = "not text_config.tie_word_embeddings"},
};

static constexpr auto kLayer = join(kAttention, kDenseMlp, kExperts, kNorms);
static constexpr Ignored kOtherModalities[] = {
    {.pattern = "vision_model.*",
     .rule = "the vision tower, which MLC leaves out",
     .counted = true},
    {.pattern = "multi_modal_projector.*",
     .rule = "the vision tower, which MLC leaves out",
     .counted = true},
};
static constexpr Block kBody[] = {
    {.params = kEmbedding, .ignored = kOtherModalities},
    {.variable = "i", .count = "text_config.num_hidden_layers", .params = kLayer},
    {.params = kTail},
};

static constexpr Field kTextFields[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "rope_theta", .type = FieldType::kNumber},
    {.name = "use_qk_norm", .type = FieldType::kBool},
    {.name = "interleave_moe_layer_step"},
    {.name = "num_experts_per_tok"},
    {.name = "num_local_experts"},
    {.name = "hidden_act", .type = FieldType::kString},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "rope_scaling", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "num_key_value_heads", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "attn_scale", .type = FieldType::kNumber, .otherwise = "0.1"},
    {.name = "floor_scale", .otherwise = "8192"},
    {.name = "vocab_size", .otherwise = "202048"},
    {.name = "attention_bias", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "attn_temperature_tuning", .type = FieldType::kBool, .otherwise = "True"},
    {.name = "no_rope_layers", .type = FieldType::kList, .otherwise = "None"},
    {.name = "no_rope_layer_interval", .otherwise = "4"},
    {.name = "moe_layers", .type = FieldType::kList, .otherwise = "None"},
};

// rope_theta is a field of its own here, so position_embedding_base always ends as 10000: mlc_llm's
// runtime reads rope_theta.
static constexpr Step kTextSteps[] = {
    steps::kRopeBase,
    {.verb = Verb::kRopeScalingLlama3},
    {.verb = Verb::kList,
     .field = "no_rope_layers",
     .when = When::kNullOrEmpty,
     .expression = "min((i+1) % no_rope_layer_interval, 1)",
     .count = "num_hidden_layers"},
    {.verb = Verb::kList,
     .field = "moe_layers",
     .when = When::kNull,
     .expression = "i",
     .count = "num_hidden_layers",
     .filter = "(i+1) % interleave_moe_layer_step == 0"},
    steps::kKeyValueHeads,
    steps::kHeadDim,
};
static constexpr ConfigTable kTextConfig = {.fields = kTextFields, .steps = kTextSteps};

static constexpr Field kFields[] = {
    {.name = "text_config", .type = FieldType::kObject},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "pipeline_parallel_stages", .otherwise = "1"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "disaggregation", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "vocab_size", .otherwise = "202048"},
};

static constexpr Step kSteps[] = {
    steps::nested("text_config", kTextConfig),
    steps::set("context_window_size", "131072"),
    steps::kPrefill8192,
};

static constexpr Architecture kModels[] = {
    {.model_type = "llama4", .config = {.fields = kFields, .steps = kSteps}, .body = kBody},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_llama4 = kModels;

}  // namespace mlc
