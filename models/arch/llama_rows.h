// Rows that Llama-shaped decoders share: root-mean-square norms, fused qkv and gate-up matrices.
#pragma once

#include <array>

#include "models/architecture.h"

namespace mlc {

inline constexpr std::array kLlamaEmbedding = {
    Param{.name = "model.embed_tokens.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
};

inline constexpr std::array kLlamaAttention = {
    Param{.name = "model.layers.{i}.self_attn.qkv_proj.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
};

inline constexpr std::array kLlamaMlp = {
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.mlp.gate_proj.weight",
                      "model.layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear},
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

inline constexpr std::array kLlamaHead = {
    Param{.name = "lm_head.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "not tie_word_embeddings"},
};

// Older checkpoints store the rotary frequencies, which follow from the config.
inline constexpr std::array kLlamaIgnored = {
    Ignored{.pattern = "model.layers.{i}.self_attn.rotary_emb.inv_freq",
            .rule = "rotary frequencies, computed from the config"},
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
    steps::kContext,       steps::check("0 < pipeline_parallel_stages <= num_hidden_layers"),
    steps::kKeyValueHeads, steps::kHeadDim,
    steps::kHeadsGroup,    steps::kPrefill8192,
};

}  // namespace mlc
