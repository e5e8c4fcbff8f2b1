// Rows that Qwen 2 and 3 share: the fused qkv under its own name, and the experts.
#pragma once

#include <array>

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
