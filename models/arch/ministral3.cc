// Ministral 3: Llama's shape, in a text-only file or as the text part of a model with vision, whose
// tower is left out.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr Alias kAliases[] = {
    {.name = "root", .text = "language_model.", .when = "'vision_config' in config"},
    {.name = "root", .text = ""},
};

static constexpr std::array kEmbedding = {
    Param{.name = "model.embed_tokens.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"{$root}model.embed_tokens.weight"}},
};

static constexpr std::array kLayer = {
    Param{.name = "model.layers.{i}.self_attn.qkv_proj.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"{$root}model.layers.{i}.self_attn.q_proj.weight",
                      "{$root}model.layers.{i}.self_attn.k_proj.weight",
                      "{$root}model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}model.layers.{i}.self_attn.o_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"{$root}model.layers.{i}.mlp.gate_proj.weight",
                      "{$root}model.layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}model.layers.{i}.mlp.down_proj.weight"}},
    Param{.name = "model.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$root}model.layers.{i}.input_layernorm.weight"}},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$root}model.layers.{i}.post_attention_layernorm.weight"}},
};

static constexpr std::array kTail = {
    Param{.name = "model.norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$root}model.norm.weight"}},
    Param{.name = "lm_head.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}lm_head.weight"},
          .when = "not tie_word_embeddings"},
};

static constexpr Ignored kTower[] = {
    {.pattern = "vision_tower.*",
     .rule = "the vision tower, which MLC leaves out",
     .counted = true},
    {.pattern = "multi_modal_projector.*",
     .rule = "the vision tower, which MLC leaves out",
     .counted = true},
};
static constexpr Ignored kTiedHeadOfRoot[] = {
    {.pattern = "{$root}lm_head.weight",
     .rule = "the head is tied to the embedding",
     .counted = true},
};
static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kTail},
    {.when = "'vision_config' in config", .ignored = kTower},
    {.when = "tie_word_embeddings", .ignored = kTiedHeadOfRoot},
};

static constexpr Field kFields[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "attention_sink_size", .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "dtype", .type = FieldType::kString, .otherwise = "'float32'"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "hidden_act", .type = FieldType::kString, .otherwise = "'silu'"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "num_key_value_heads", .otherwise = "0"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "rope_parameters", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "sliding_window_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "weight_block_size", .type = FieldType::kList, .otherwise = "None"},
    {.name = "modules_to_not_convert", .type = FieldType::kList, .otherwise = "()"},
};

// rope_theta stands in rope_parameters, which loses it, or beside it.
static constexpr std::array kFirstSteps = {
    Step{.verb = Verb::kFp8Blocks, .expression = "(128, 128)"},
    Step{.verb = Verb::kMember,
         .field = "position_embedding_base",
         .keys = {"rope_theta"},
         .condition = "rope_parameters is not None",
         .object = "rope_parameters"},
    steps::kRopeBase,
};
static constexpr auto kSteps = join(kFirstSteps, kSlidingWindowSteps);

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.mlp.activation = "hidden_act";
  f.attention.window = "sliding_window_size";
  f.attention.rope.scaling = "rope_parameters";
  f.attention.rope.query_growth =
      "rope_parameters is not None and 'llama_4_scaling_beta' in rope_parameters and"
      " rope_parameters.llama_4_scaling_beta";
  f.attention.rope.query_growth_step =
      "rope_parameters is not None and 'original_max_position_embeddings' in rope_parameters and"
      " rope_parameters.original_max_position_embeddings";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "ministral3",
     .config = {.fields = kFields,
                .steps = kSteps,
                .flatten = "text_config",
                .top_wins = {"tie_word_embeddings", "dtype"}},
     .body = kBody,
     .aliases = kAliases,
     .no_quantization_field = "modules_to_not_convert",
     .renames = kPartsBelowModel,
     .forward = &kForward},
    {.model_type = "mistral3",
     .class_names = {"Mistral3ForConditionalGeneration"},
     .config = {.fields = kFields,
                .steps = kSteps,
                .flatten = "text_config",
                .top_wins = {"tie_word_embeddings", "dtype"}},
     .body = kBody,
     .aliases = kAliases,
     .no_quantization_field = "modules_to_not_convert",
     .renames = kPartsBelowModel,
     .in_mlc_llm = false,
     .note = "Mistral Small 3.1 and later, without vision",
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_ministral3 = kModels;

}  // namespace mlc
