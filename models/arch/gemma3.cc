// Gemma 3: the text model, alone (gemma3_text) or as the part of a model with vision, whose tower
// is left out. MLC's names are those of the latter in both cases.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr Alias kAliases[] = {
    {.name = "root", .text = "", .when = "is_text_model"},
    {.name = "root", .text = "language_model."},
};

static constexpr std::array kEmbedding = {
    Param{.name = "language_model.model.embed_tokens.weight",
          .shape = {"@vocab_size", "text_config.hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"{$root}model.embed_tokens.weight"}},
};

static constexpr std::array kLayer = {
    Param{.name = "language_model.model.layers.{i}.self_attn.q_proj.weight",
          .shape = {"text_config.num_attention_heads*text_config.head_dim",
                    "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}model.layers.{i}.self_attn.q_proj.weight"}},
    Param{.name = "language_model.model.layers.{i}.self_attn.k_proj.weight",
          .shape = {"text_config.num_key_value_heads*text_config.head_dim",
                    "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}model.layers.{i}.self_attn.k_proj.weight"}},
    Param{.name = "language_model.model.layers.{i}.self_attn.v_proj.weight",
          .shape = {"text_config.num_key_value_heads*text_config.head_dim",
                    "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "language_model.model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"text_config.hidden_size",
                    "text_config.num_attention_heads*text_config.head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}model.layers.{i}.self_attn.o_proj.weight"}},
    Param{.name = "language_model.model.layers.{i}.self_attn.q_norm.weight",
          .shape = {"text_config.head_dim"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne,
          .sources = {"{$root}model.layers.{i}.self_attn.q_norm.weight"}},
    Param{.name = "language_model.model.layers.{i}.self_attn.k_norm.weight",
          .shape = {"text_config.head_dim"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne,
          .sources = {"{$root}model.layers.{i}.self_attn.k_norm.weight"}},
    Param{.name = "language_model.model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*text_config.intermediate_size", "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"{$root}model.layers.{i}.mlp.gate_proj.weight",
                      "{$root}model.layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "language_model.model.layers.{i}.mlp.down_proj.weight",
          .shape = {"text_config.hidden_size", "text_config.intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}model.layers.{i}.mlp.down_proj.weight"}},
    Param{.name = "language_model.model.layers.{i}.input_layernorm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne,
          .sources = {"{$root}model.layers.{i}.input_layernorm.weight"}},
    Param{.name = "language_model.model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne,
          .sources = {"{$root}model.layers.{i}.post_attention_layernorm.weight"}},
    Param{.name = "language_model.model.layers.{i}.pre_feedforward_layernorm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne,
          .sources = {"{$root}model.layers.{i}.pre_feedforward_layernorm.weight"}},
    Param{.name = "language_model.model.layers.{i}.post_feedforward_layernorm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne,
          .sources = {"{$root}model.layers.{i}.post_feedforward_layernorm.weight"}},
};

static constexpr std::array kTail = {
    Param{.name = "language_model.model.norm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOne,
          .sources = {"{$root}model.norm.weight"}},
};

static constexpr Ignored kLeftOut[] = {
    {.pattern = "vision_tower.*",
     .rule = "the vision tower, which MLC leaves out",
     .counted = true},
    {.pattern = "multi_modal_projector.*",
     .rule = "the vision tower, which MLC leaves out",
     .counted = true},
    {.pattern = "{$root}lm_head.weight",
     .rule = "the head is tied to the embedding",
     .counted = true},
};
static constexpr Block kBody[] = {
    {.params = kEmbedding, .ignored = kLeftOut},
    {.variable = "i", .count = "text_config.num_hidden_layers", .params = kLayer},
    {.params = kTail},
};

static constexpr Field kTextFields[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "num_hidden_layers"},
    {.name = "attention_bias", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "num_attention_heads", .otherwise = "8"},
    {.name = "num_key_value_heads", .otherwise = "4"},
    {.name = "head_dim", .otherwise = "256"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber, .otherwise = "1e-06"},
    {.name = "hidden_activation", .type = FieldType::kString, .otherwise = "'gelu_pytorch_tanh'"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "1000000"},
    {.name = "rope_scaling", .type = FieldType::kAny, .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "131072"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "query_pre_attn_scalar", .type = FieldType::kNumber, .otherwise = "256"},
    {.name = "sliding_window_size", .otherwise = "None"},
};

// The context is always that of the sliding window, at least 8192; max_position_embeddings is never
// read.
static constexpr Step kTextSteps[] = {
    {.verb = Verb::kTake,
     .field = "hidden_activation",
     .when = When::kNull,
     .keys = {"hidden_act"},
     .expression = "None",
     .keep = true},
    {.verb = Verb::kTake,
     .field = "sliding_window_size",
     .when = When::kNull,
     .keys = {"sliding_window"},
     .expression = "None",
     .keep = true},
    steps::check("hidden_activation in ('gelu', 'gelu_pytorch_tanh')"),
    steps::check("not attention_bias"),
    {.verb = Verb::kTake,
     .field = "position_embedding_base",
     .when = When::kAlways,
     .keys = {"rope_theta"},
     .expression = "1000000",
     .condition = "position_embedding_base == 1000000"},
    steps::kContext,
    steps::kHeadsGroup,
    steps::kPrefill8192,
    steps::set("context_window_size", "max(sliding_window_size, 8192)", When::kAlways),
};
static constexpr ConfigTable kTextConfig = {.fields = kTextFields, .steps = kTextSteps};

static constexpr Field kFields[] = {
    {.name = "text_config", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "vocab_size", .otherwise = "262208"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "context_window_size", .otherwise = "-1"},
    {.name = "sliding_window_size", .otherwise = "-1"},
    {.name = "prefill_chunk_size", .otherwise = "-1"},
    {.name = "is_text_model", .type = FieldType::kBool, .otherwise = "False"},
};

// Without text_config, the text model's config is whatever the file holds beside these fields. It
// is read twice, as mlc_llm does: prefill_chunk_size is capped by the context of the first reading.
static constexpr Step kSteps[] = {
    steps::set("is_text_model", "text_config is None or is_text_model", When::kAlways),
    {.verb = Verb::kRest, .field = "text_config", .when = When::kNull},
    steps::nested("text_config", kTextConfig),
    steps::nested("text_config", kTextConfig),
    steps::inherit("context_window_size", "context_window_size <= 0",
                   "text_config.context_window_size"),
    steps::inherit("prefill_chunk_size", "prefill_chunk_size <= 0",
                   "text_config.prefill_chunk_size"),
    steps::inherit("sliding_window_size", "sliding_window_size <= 0",
                   "text_config.sliding_window_size"),
};

// Of each `sliding_window_pattern` layers the last sees everything; the others have a window, and
// rotations of another base, which are not scaled.
static constexpr ForwardTraits kForward = {
    .layers = "text_config.num_hidden_layers",
    .embedding = "language_model.model.embed_tokens",
    .embedding_scale = {{"text_config.hidden_size", 0.5}},
    .norm = {.eps = "text_config.rms_norm_eps"},
    .attention_norm = "language_model.model.layers.{i}.input_layernorm",
    .attention_post_norm = "language_model.model.layers.{i}.post_attention_layernorm",
    .mlp_norm = "language_model.model.layers.{i}.pre_feedforward_layernorm",
    .mlp_post_norm = "language_model.model.layers.{i}.post_feedforward_layernorm",
    .attention = {.heads = "text_config.num_attention_heads",
                  .kv_heads = "text_config.num_key_value_heads",
                  .head_dim = "text_config.head_dim",
                  .q = "language_model.model.layers.{i}.self_attn.q_proj",
                  .k = "language_model.model.layers.{i}.self_attn.k_proj",
                  .v = "language_model.model.layers.{i}.self_attn.v_proj",
                  .out = "language_model.model.layers.{i}.self_attn.o_proj",
                  .q_norm = "language_model.model.layers.{i}.self_attn.q_norm",
                  .k_norm = "language_model.model.layers.{i}.self_attn.k_norm",
                  .scale = {{"text_config.query_pre_attn_scalar", -0.5}},
                  .window = "(i + 1) % ('sliding_window_pattern' in text_config.kwargs and"
                            " text_config.kwargs.sliding_window_pattern or 6) != 0 and"
                            " text_config.sliding_window_size or 0",
                  .rope = {.theta = "text_config.position_embedding_base",
                           .scaling = "text_config.rope_scaling",
                           .local_theta = "'rope_local_base_freq' in text_config.kwargs and"
                                          " text_config.kwargs.rope_local_base_freq or 10000"}},
    .mlp = {.gate_up = "language_model.model.layers.{i}.mlp.gate_up_proj",
            .down = "language_model.model.layers.{i}.mlp.down_proj",
            .activation = "text_config.hidden_activation"},
    .final_norm = "language_model.model.norm",
};

static constexpr Architecture kModels[] = {
    {.model_type = "gemma3",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .aliases = kAliases,
     .renames = kPartsBelowModel,
     .forward = &kForward},
    {.model_type = "gemma3_text",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .aliases = kAliases,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_gemma3 = kModels;

}  // namespace mlc
