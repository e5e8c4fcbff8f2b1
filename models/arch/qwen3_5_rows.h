// Rows of Qwen 3 Next and Qwen 3.5: every few layers full attention with a gate of its own in
// q_proj, between them a linear recurrence. Norms are stored as their distance from one, added in
// float32, but for the norm inside the linear attention. {$root} is the start of the source names.
#pragma once

#include <array>

#include "models/architecture.h"

namespace mlc {

inline constexpr std::array kQwen35Embedding = {
    Param{.name = "model.embed_tokens.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"{$root}embed_tokens.weight"}},
};

inline constexpr std::array kQwen35Attention = {
    Param{.name = "model.layers.{i}.self_attn.c_attn.weight",
          .shape = {"(2*num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"{$root}layers.{i}.self_attn.q_proj.weight",
                      "{$root}layers.{i}.self_attn.k_proj.weight",
                      "{$root}layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.c_attn.bias",
          .shape = {"(2*num_attention_heads+2*num_key_value_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"{$root}layers.{i}.self_attn.q_proj.bias",
                      "{$root}layers.{i}.self_attn.k_proj.bias",
                      "{$root}layers.{i}.self_attn.v_proj.bias"},
          .when = "attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.self_attn.o_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.o_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$root}layers.{i}.self_attn.o_proj.bias"},
          .when = "attention_bias"},
    Param{.name = "model.layers.{i}.self_attn.q_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"{$root}layers.{i}.self_attn.q_norm.weight"}},
    Param{.name = "model.layers.{i}.self_attn.k_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"{$root}layers.{i}.self_attn.k_norm.weight"}},
};

inline constexpr std::array kQwen35InProj = {
    Param{.name = "model.layers.{i}.linear_attn.in_proj_qkv.weight",
          .shape = {"linear_num_key_heads*linear_key_head_dim+linear_num_key_heads*linear_key_head_"
                    "dim+linear_num_value_heads*linear_value_head_dim",
                    "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.linear_attn.in_proj_qkv.weight"}},
    Param{.name = "model.layers.{i}.linear_attn.in_proj_z.weight",
          .shape = {"linear_num_value_heads*linear_value_head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.linear_attn.in_proj_z.weight"}},
    Param{.name = "model.layers.{i}.linear_attn.in_proj_a.weight",
          .shape = {"linear_num_value_heads", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.linear_attn.in_proj_a.weight"}},
    Param{.name = "model.layers.{i}.linear_attn.in_proj_b.weight",
          .shape = {"linear_num_value_heads", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.linear_attn.in_proj_b.weight"}},
};

inline constexpr std::array kQwen35LinearAttention = {
    Param{.name = "model.layers.{i}.linear_attn.out_proj.weight",
          .shape = {"hidden_size", "linear_num_value_heads*linear_value_head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.linear_attn.out_proj.weight"}},
    Param{.name = "model.layers.{i}.linear_attn.conv1d_weight",
          .shape = {"linear_num_key_heads*linear_key_head_dim+linear_num_key_heads*linear_key_head_"
                    "dim+linear_num_value_heads*linear_value_head_dim",
                    "1", "linear_conv_kernel_dim"},
          .sources = {"{$root}layers.{i}.linear_attn.conv1d.weight"}},
    Param{.name = "model.layers.{i}.linear_attn.A_log",
          .shape = {"linear_num_value_heads"},
          .sources = {"{$root}layers.{i}.linear_attn.A_log"},
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.linear_attn.dt_bias",
          .shape = {"linear_num_value_heads"},
          .sources = {"{$root}layers.{i}.linear_attn.dt_bias"},
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.linear_attn.norm.weight",
          .shape = {"linear_value_head_dim"},
          .kind = ParamKind::kNorm,
          .sources = {"{$root}layers.{i}.linear_attn.norm.weight"}},
};

inline constexpr std::array kQwen35Mlp = {
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"{$root}layers.{i}.mlp.gate_proj.weight",
                      "{$root}layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.mlp.down_proj.weight"}},
};

inline constexpr std::array kQwen35LayerNorms = {
    Param{.name = "model.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"{$root}layers.{i}.input_layernorm.weight"}},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"{$root}layers.{i}.post_attention_layernorm.weight"}},
};

inline constexpr std::array kQwen35Norm = {
    Param{.name = "model.norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .op = Op::kAddOneF32,
          .sources = {"{$root}norm.weight"}},
};

// Experts, and one that all tokens share.
inline constexpr std::array kQwen35Router = {
    Param{.name = "model.layers.{i}.mlp.gate.weight",
          .shape = {"num_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.mlp.gate.weight"}},
    Param{.name = "model.layers.{i}.mlp.shared_expert.gate_up_proj.weight",
          .shape = {"2*shared_expert_intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"{$root}layers.{i}.mlp.shared_expert.gate_proj.weight",
                      "{$root}layers.{i}.mlp.shared_expert.up_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.shared_expert.down_proj.weight",
          .shape = {"hidden_size", "shared_expert_intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.mlp.shared_expert.down_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.shared_expert_gate.weight",
          .shape = {"1", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$root}layers.{i}.mlp.shared_expert_gate.weight"}},
};

inline constexpr std::array kQwen35Experts = {
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.weight",
          .shape = {"num_experts", "2*moe_intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStackOfConcat,
          .sources = {"{$root}layers.{i}.mlp.experts.{e}.gate_proj.weight",
                      "{$root}layers.{i}.mlp.experts.{e}.up_proj.weight"},
          .each = "num_experts"},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.weight",
          .shape = {"num_experts", "hidden_size", "moe_intermediate_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStack,
          .sources = {"{$root}layers.{i}.mlp.experts.{e}.down_proj.weight"},
          .each = "num_experts"},
};

// Fields of the types with experts, which mlc_llm lacks. A config names the kind of each layer, or
// the distance between those with full attention.
inline constexpr std::array kQwen35MoeFields = {
    Field{.name = "hidden_size"},
    Field{.name = "num_attention_heads"},
    Field{.name = "num_hidden_layers"},
    Field{.name = "num_key_value_heads", .otherwise = "2"},
    Field{.name = "rms_norm_eps", .type = FieldType::kNumber, .otherwise = "1e-06"},
    Field{.name = "vocab_size"},
    Field{.name = "rope_theta", .type = FieldType::kNumber, .otherwise = "10000000"},
    Field{.name = "head_dim", .otherwise = "256"},
    Field{.name = "hidden_act", .type = FieldType::kString, .otherwise = "'silu'"},
    Field{.name = "attention_bias", .type = FieldType::kBool, .otherwise = "False"},
    Field{.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    Field{.name = "linear_key_head_dim", .otherwise = "128"},
    Field{.name = "linear_value_head_dim", .otherwise = "128"},
    Field{.name = "linear_num_key_heads", .otherwise = "16"},
    Field{.name = "linear_num_value_heads", .otherwise = "32"},
    Field{.name = "linear_conv_kernel_dim", .otherwise = "4"},
    Field{.name = "full_attention_interval", .otherwise = "4"},
    Field{.name = "layer_types", .type = FieldType::kList, .otherwise = "None"},
    Field{.name = "partial_rotary_factor", .type = FieldType::kNumber, .otherwise = "0.25"},
    Field{.name = "num_experts"},
    Field{.name = "num_experts_per_tok"},
    Field{.name = "moe_intermediate_size", .otherwise = "512"},
    Field{.name = "shared_expert_intermediate_size", .otherwise = "512"},
    Field{.name = "context_window_size", .otherwise = "0"},
    Field{.name = "prefill_chunk_size", .otherwise = "0"},
    Field{.name = "tensor_parallel_shards", .otherwise = "1"},
    Field{.name = "max_batch_size", .otherwise = "1"},
};
inline constexpr Expr kQwen35IsFull =
    "(layer_types is None and (i+1) % full_attention_interval == 0) or "
    "(layer_types is not None and layer_types[i] == 'full_attention')";
inline constexpr Expr kQwen35IsLinear =
    "(layer_types is None and (i+1) % full_attention_interval != 0) or "
    "(layer_types is not None and layer_types[i] == 'linear_attention')";

inline constexpr std::array kQwen35Steps = {
    Step{.verb = Verb::kMember,
         .field = "rope_theta",
         .when = When::kAlways,
         .keys = {"rope_theta"},
         .object = "rope_parameters"},
    Step{.verb = Verb::kMember,
         .field = "partial_rotary_factor",
         .when = When::kAlways,
         .keys = {"partial_rotary_factor"},
         .object = "rope_parameters"},
    steps::kContext,
    steps::kPrefill2048,
};

inline constexpr std::array kQwen35LeftOut = {
    Ignored{.pattern = "model.visual.*",
            .rule = "the vision tower, which MLC leaves out",
            .counted = true},
    Ignored{.pattern = "mtp.*", .rule = "layers that predict further tokens", .counted = true},
};

}  // namespace mlc
