// Rows that Qwen 2 and 3 share: the fused qkv under its own name, and the experts.
#pragma once

#include <array>

#include "models/arch/llama_rows.h"
#include "models/architecture.h"

namespace mlc {

inline constexpr std::array kQwenAttention = {
    Param{.name = "model.layers.{i}.self_attn.c_attn.weight",
          .shape = {"(2*num_key_value_heads+num_attention_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.c_attn.bias",
          .shape = {"(2*num_key_value_heads+num_attention_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.bias",
                      "model.layers.{i}.self_attn.k_proj.bias",
                      "model.layers.{i}.self_attn.v_proj.bias"}},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
};

inline constexpr ForwardTraits kQwenForward = [] {
  ForwardTraits f = kLlamaForward;
  f.attention.qkv = "model.layers.{i}.self_attn.c_attn";
  f.attention.rope.theta = "rope_theta";
  f.attention.window =
      "'use_sliding_window' in config and config.use_sliding_window and"
      " i >= config.max_window_layers and config.sliding_window or 0";
  f.mlp.activation = "hidden_act";
  return f;
}();

inline constexpr MoeTraits kQwenMoe = {
    .when = "True",
    .top_k = "num_experts_per_tok",
    .router = "model.layers.{i}.mlp.gate",
    .gate_up = "model.layers.{i}.mlp.moe_gate_up_proj",
    .down = "model.layers.{i}.mlp.moe_down_proj",
    .normalize = "norm_topk_prob",
};

inline constexpr std::array kQwenExperts = {
    Param{.name = "model.layers.{i}.mlp.gate.weight",
          .shape = {"num_experts", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.weight",
          .shape = {"num_experts", "2*moe_intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStackOfConcat,
          .sources = {"model.layers.{i}.mlp.experts.{e}.gate_proj.weight",
                      "model.layers.{i}.mlp.experts.{e}.up_proj.weight"},
          .each = "num_experts"},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.weight",
          .shape = {"num_experts", "hidden_size", "moe_intermediate_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStack,
          .sources = {"model.layers.{i}.mlp.experts.{e}.down_proj.weight"},
          .each = "num_experts"},
};

}  // namespace mlc
