#include "package/cache_rules.h"

#include <algorithm>
#include <array>

namespace mlc {

namespace {

constexpr Expr kLayers = "num_hidden_layers";
constexpr Expr kHeads = "2*num_key_value_heads*head_dim";
constexpr Expr kText = "2*text_config.num_key_value_heads*text_config.head_dim";
// Multi-head latent attention keeps what keys and values are made of, and the rotated part.
constexpr Expr kLatent = "kv_lora_rank+qk_rope_head_dim";

// Gated delta rule: a matrix a value head, and the tokens that the convolution still needs.
constexpr Expr kEveryNth =
    "(i+1) % full_attention_interval == 0 and 2*num_key_value_heads*head_dim or 0";
constexpr Expr kDelta =
    "(i+1) % full_attention_interval != 0 and "
    "linear_num_value_heads*linear_key_head_dim*linear_value_head_dim + (linear_conv_kernel_dim-1)*"
    "(2*linear_num_key_heads*linear_key_head_dim+linear_num_value_heads*linear_value_head_dim) or "
    "0";
constexpr Expr kListedFull =
    "(layer_types is None and (i+1) % full_attention_interval == 0 or "
    "layer_types is not None and layer_types[i] == 'full_attention') and "
    "2*num_key_value_heads*head_dim or 0";
constexpr Expr kListedDelta =
    "(layer_types is None and (i+1) % full_attention_interval != 0 or "
    "layer_types is not None and layer_types[i] == 'linear_attention') and "
    "linear_num_value_heads*linear_key_head_dim*linear_value_head_dim + (linear_conv_kernel_dim-1)*"
    "(2*linear_num_key_heads*linear_key_head_dim+linear_num_value_heads*linear_value_head_dim) or "
    "0";

constexpr Expr kGemma3nWindow =
    "(layer_types is None and (i+1) % 5 != 0 or "
    "layer_types is not None and layer_types[i] == 'sliding_attention') and sliding_window or 0";

constexpr std::array kRules = {
    CacheRule{"deepseek_v2", kLayers, kLatent},
    CacheRule{"deepseek_v3", kLayers, kLatent},
    CacheRule{"eagle", kLayers, kHeads},
    CacheRule{"ernie4_5_moe", kLayers, kHeads},
    // The last layers read the caches of earlier ones.
    CacheRule{"gemma3n", "num_hidden_layers-num_kv_shared_layers", kHeads, kGemma3nWindow},
    CacheRule{"gemma3n_text", "num_hidden_layers-num_kv_shared_layers", kHeads, kGemma3nWindow},
    CacheRule{"glm4_moe", kLayers, kHeads},
    CacheRule{
        "gpt_oss", kLayers, kHeads,
        "(layer_types is None and i % 2 == 0 or layer_types is not None and layer_types[i] == "
        "'sliding_attention') and sliding_window or 0"},
    CacheRule{"granitemoehybrid",
              kLayers,
              "layer_types is not None and layer_types[i] == 'attention' and "
              "2*num_key_value_heads*head_dim or 0",
              {},
              "(layer_types is None or layer_types[i] == 'mamba') and "
              "mamba_expand*hidden_size*mamba_d_state + (mamba_d_conv-1)*"
              "(mamba_expand*hidden_size+2*mamba_n_groups*mamba_d_state) or 0"},
    CacheRule{"kimi_k2", kLayers, kLatent},
    CacheRule{"lfm2",
              kLayers,
              "(layer_types is not None and layer_types[i] == 'full_attention' or layer_types is "
              "None and (full_attn_idxs is None or i in full_attn_idxs)) and "
              "2*num_key_value_heads*head_dim or 0",
              {},
              "(layer_types is not None and layer_types[i] == 'conv' or layer_types is None and "
              "full_attn_idxs is not None and i not in full_attn_idxs) and "
              "(conv_L_cache-1)*hidden_size or 0"},
    CacheRule{"llama4", "text_config.num_hidden_layers", kText},
    CacheRule{"llava", "text_config.num_hidden_layers", kText, "sliding_window_size"},
    CacheRule{"mamba2",
              kLayers,
              "0",
              {},
              "num_heads*head_dim*state_size + "
              "(conv_kernel-1)*(num_heads*head_dim+2*n_groups*state_size)"},
    CacheRule{"medusa", "0", "0"},
    CacheRule{"minimax_m2", kLayers, kHeads},
    CacheRule{"phi3_v", kLayers, kHeads},
    CacheRule{"phimoe", kLayers, kHeads, "sliding_window is not None and sliding_window or 0"},
    CacheRule{"qwen3_5", kLayers, kEveryNth, {}, kDelta},
    CacheRule{"qwen3_5_moe", kLayers, kListedFull, {}, kListedDelta},
    CacheRule{"qwen3_5_moe_text", kLayers, kListedFull, {}, kListedDelta},
    CacheRule{"qwen3_5_text", kLayers, kEveryNth, {}, kDelta},
    CacheRule{"qwen3_next", kLayers, kListedFull, {}, kListedDelta},
};

}  // namespace

const CacheRule* find_cache_rule(std::string_view model_type) {
  const auto* found = std::find_if(kRules.begin(), kRules.end(), [&](const CacheRule& rule) {
    return rule.model_type == model_type;
  });
  return found == kRules.end() ? nullptr : found;
}

}  // namespace mlc
