// Rows that Llama-shaped decoders share: fused qkv and gate-up matrices, norms, heads.
#pragma once

#include <array>

#include "models/architecture.h"

namespace mlc {

inline constexpr std::array kLlamaEmbedding = {
    Param{.name = "model.embed_tokens.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
};

// The same where mlc_llm fixes the vocabulary's size.
inline constexpr std::array kPlainEmbedding = {
    Param{.name = "model.embed_tokens.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
};

// Biases that mlc_llm does not know and would drop (docs/errata.md). They are no fields of its
// configs, so the conditions ask the file.
inline constexpr Expr kHasAttentionBias = "'attention_bias' in config and config.attention_bias";
inline constexpr Expr kHasMlpBias = "'mlp_bias' in config and config.mlp_bias";
inline constexpr Expr kIsTied = "'tie_word_embeddings' in config and config.tie_word_embeddings";

inline constexpr std::array kLlamaAttention = {
    Param{.name = "model.layers.{i}.self_attn.qkv_proj.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.qkv_proj.bias",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.bias",
                      "model.layers.{i}.self_attn.k_proj.bias",
                      "model.layers.{i}.self_attn.v_proj.bias"},
          .when = kHasAttentionBias},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.self_attn.o_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = kHasAttentionBias},
};

inline constexpr std::array kLlamaMlp = {
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.mlp.gate_proj.weight",
                      "model.layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.bias",
          .shape = {"2*intermediate_size"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.mlp.gate_proj.bias", "model.layers.{i}.mlp.up_proj.bias"},
          .when = kHasMlpBias},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.down_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = kHasMlpBias},
};

inline constexpr std::array kLlamaLayerNorms = {
    Param{.name = "model.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};

inline constexpr std::array kLlamaNorm = {
    Param{.name = "model.norm.weight", .shape = {"hidden_size"}, .kind = ParamKind::kNorm},
};

// The same norms with a bias each: LayerNorm instead of root mean square.
inline constexpr std::array kBiasedLayerNorms = {
    Param{.name = "model.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.input_layernorm.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.post_attention_layernorm.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};

inline constexpr std::array kBiasedNorm = {
    Param{.name = "model.norm.weight", .shape = {"hidden_size"}, .kind = ParamKind::kNorm},
    Param{.name = "model.norm.bias", .shape = {"hidden_size"}, .kind = ParamKind::kNorm},
};

// Heads that a tied model does not have.
inline constexpr std::array kLlamaHead = {
    Param{.name = "lm_head.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "not tie_word_embeddings"},
};

inline constexpr std::array kPlainHead = {
    Param{.name = "lm_head.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "not tie_word_embeddings"},
};

// Heads that mlc_llm's model always has: a tied checkpoint without one gives its embedding.
inline constexpr std::array kOwnHead = {
    Param{.name = "lm_head.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .fallback = "model.embed_tokens.weight",
          .fallback_when = kIsTied,
          .rank = 1},
};

inline constexpr std::array kSymbolicOwnHead = {
    Param{.name = "lm_head.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .fallback = "model.embed_tokens.weight",
          .fallback_when = kIsTied,
          .rank = 1},
};

// Some tied checkpoints hold the head a second time.
inline constexpr std::array kTiedHeadIgnored = {
    Ignored{
        .pattern = "lm_head.weight", .rule = "the head is tied to the embedding", .counted = true},
};
inline constexpr Block kTiedHead = {.when = "tie_word_embeddings", .ignored = kTiedHeadIgnored};

// Older checkpoints store the rotary frequencies, which follow from the config.
inline constexpr std::array kLlamaIgnored = {
    Ignored{.pattern = "model.layers.{i}.self_attn.rotary_emb.inv_freq",
            .rule = "rotary frequencies, computed from the config"},
};

// The same for models whose loader in mlc_llm does not name them.
inline constexpr std::array kRotaryIgnored = {
    Ignored{.pattern = "model.layers.{i}.self_attn.rotary_emb.inv_freq",
            .rule = "rotary frequencies, computed from the config",
            .counted = true},
};

// Transformers 4.52 moved the parts below `model`.
inline constexpr std::array kPartsBelowModel = {
    Rename{.from = "language_model.model.", .to = "model.language_model."},
    Rename{.from = "language_model.lm_head.", .to = "lm_head."},
    Rename{.from = "vision_tower.", .to = "model.vision_tower."},
    Rename{.from = "multi_modal_projector.", .to = "model.multi_modal_projector."},
};

// What llama computes; many others differ from it in a few traits. Where mlc_llm has no field for
// something the model has, the file is asked.
inline constexpr Expr kConfigRopeScaling = "'rope_scaling' in config and config.rope_scaling";
inline constexpr Expr kConfigWindow = "'sliding_window' in config and config.sliding_window or 0";

inline constexpr ForwardTraits kLlamaForward = {
    .layers = "num_hidden_layers",
    .embedding = "model.embed_tokens",
    .norm = {.eps = "rms_norm_eps"},
    .attention_norm = "model.layers.{i}.input_layernorm",
    .mlp_norm = "model.layers.{i}.post_attention_layernorm",
    .attention = {.heads = "num_attention_heads",
                  .kv_heads = "num_key_value_heads",
                  .head_dim = "head_dim",
                  .qkv = "model.layers.{i}.self_attn.qkv_proj",
                  .out = "model.layers.{i}.self_attn.o_proj",
                  .rope = {.theta = "position_embedding_base", .scaling = kConfigRopeScaling}},
    .mlp = {.gate_up = "model.layers.{i}.mlp.gate_up_proj",
            .down = "model.layers.{i}.mlp.down_proj",
            .activation = "'hidden_act' in config and config.hidden_act or 'silu'"},
    .final_norm = "model.norm",
    .head = "lm_head",
};

inline constexpr std::array kLlamaFields = {
    Field{.name = "hidden_size"},
    Field{.name = "intermediate_size"},
    Field{.name = "num_attention_heads"},
    Field{.name = "num_hidden_layers"},
    Field{.name = "rms_norm_eps", .type = FieldType::kNumber},
    Field{.name = "vocab_size"},
    Field{.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    Field{.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    Field{.name = "rope_scaling", .type = FieldType::kObject, .otherwise = "None"},
    Field{.name = "context_window_size", .otherwise = "0"},
    Field{.name = "prefill_chunk_size", .otherwise = "0"},
    Field{.name = "num_key_value_heads", .otherwise = "0"},
    Field{.name = "head_dim", .otherwise = "0"},
    Field{.name = "tensor_parallel_shards", .otherwise = "1"},
    Field{.name = "pipeline_parallel_stages", .otherwise = "1"},
    Field{.name = "max_batch_size", .otherwise = "1"},
    Field{.name = "disaggregation", .type = FieldType::kBool, .otherwise = "False"},
};

inline constexpr std::array kLlamaSteps = {
    steps::kRopeBase,      Step{.verb = Verb::kRopeScalingLlama3},
    steps::kContext,       steps::kStagesFitLayers,
    steps::kKeyValueHeads, steps::kHeadDim,
    steps::kHeadsGroup,    steps::kPrefill8192,
};
inline constexpr ConfigTable kLlamaConfig = {.fields = kLlamaFields, .steps = kLlamaSteps};

inline constexpr std::array kMistralFields = {
    Field{.name = "hidden_size"},
    Field{.name = "intermediate_size"},
    Field{.name = "num_attention_heads"},
    Field{.name = "num_hidden_layers"},
    Field{.name = "rms_norm_eps", .type = FieldType::kNumber},
    Field{.name = "vocab_size"},
    Field{.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    Field{.name = "num_key_value_heads", .otherwise = "0"},
    Field{.name = "head_dim", .otherwise = "0"},
    Field{.name = "context_window_size", .otherwise = "0"},
    Field{.name = "sliding_window_size", .otherwise = "0"},
    Field{.name = "prefill_chunk_size", .otherwise = "0"},
    Field{.name = "attention_sink_size", .otherwise = "4"},
    Field{.name = "tensor_parallel_shards", .otherwise = "1"},
    Field{.name = "max_batch_size", .otherwise = "1"},
};

// A sliding window takes the place of the context window.
inline constexpr std::array kSlidingWindowSteps = {
    steps::take("sliding_window_size", "sliding_window", "-1"),
    steps::set("sliding_window_size", "-1", When::kNull),
    Step{.verb = Verb::kContextUnlessSliding,
         .keys = {"max_position_embeddings", "max_sequence_length"}},
    steps::kKeyValueHeads,
    steps::kHeadDim,
    steps::kHeadsGroup,
    steps::check("attention_sink_size >= 0"),
    Step{.verb = Verb::kPrefillSliding, .expression = "8192"},
};
inline constexpr auto kMistralSteps = join(std::array{steps::kRopeBase}, kSlidingWindowSteps);
inline constexpr ConfigTable kMistralConfig = {.fields = kMistralFields, .steps = kMistralSteps};

}  // namespace mlc
