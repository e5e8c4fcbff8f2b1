// The vision tower of CLIP, in the checkpoint's own layout, never quantized. {$tower} is MLC's name
// for the module that holds it, {$clip} the checkpoint's.
#pragma once

#include <array>

#include "models/architecture.h"

namespace mlc {

inline constexpr std::array kClipEmbeddings = {
    Param{.name = "{$tower}.vision_model.embeddings.class_embedding",
          .shape = {"vision_config.hidden_size"},
          .sources = {"{$clip}.vision_model.embeddings.class_embedding"}},
    Param{.name = "{$tower}.vision_model.embeddings.patch_embedding.weight",
          .shape = {"vision_config.hidden_size", "3", "vision_config.patch_size",
                    "vision_config.patch_size"},
          .kind = ParamKind::kConv,
          .sources = {"{$clip}.vision_model.embeddings.patch_embedding.weight"}},
    Param{.name = "{$tower}.vision_model.embeddings.position_embedding.weight",
          .shape = {"(vision_config.image_size//vision_config.patch_size)**2+1",
                    "vision_config.hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"{$clip}.vision_model.embeddings.position_embedding.weight"}},
    Param{.name = "{$tower}.vision_model.pre_layrnorm.weight",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$clip}.vision_model.pre_layrnorm.weight"}},
    Param{.name = "{$tower}.vision_model.pre_layrnorm.bias",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$clip}.vision_model.pre_layrnorm.bias"}},
};

inline constexpr std::array kClipLayer = {
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.self_attn.k_proj.weight",
          .shape = {"vision_config.hidden_size", "vision_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.self_attn.k_proj.weight"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.self_attn.k_proj.bias",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.self_attn.k_proj.bias"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.self_attn.v_proj.weight",
          .shape = {"vision_config.hidden_size", "vision_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.self_attn.v_proj.bias",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.self_attn.v_proj.bias"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.self_attn.q_proj.weight",
          .shape = {"vision_config.hidden_size", "vision_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.self_attn.q_proj.weight"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.self_attn.q_proj.bias",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.self_attn.q_proj.bias"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.self_attn.out_proj.weight",
          .shape = {"vision_config.hidden_size", "vision_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.self_attn.out_proj.weight"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.self_attn.out_proj.bias",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.self_attn.out_proj.bias"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.layer_norm1.weight",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.layer_norm1.weight"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.layer_norm1.bias",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.layer_norm1.bias"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.mlp.fc1.weight",
          .shape = {"vision_config.intermediate_size", "vision_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.mlp.fc1.weight"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.mlp.fc1.bias",
          .shape = {"vision_config.intermediate_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.mlp.fc1.bias"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.mlp.fc2.weight",
          .shape = {"vision_config.hidden_size", "vision_config.intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.mlp.fc2.weight"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.mlp.fc2.bias",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.mlp.fc2.bias"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.layer_norm2.weight",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.layer_norm2.weight"}},
    Param{.name = "{$tower}.vision_model.encoder.layers.{i}.layer_norm2.bias",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$clip}.vision_model.encoder.layers.{i}.layer_norm2.bias"}},
};

inline constexpr std::array kClipNorm = {
    Param{.name = "{$tower}.vision_model.post_layernorm.weight",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$clip}.vision_model.post_layernorm.weight"}},
    Param{.name = "{$tower}.vision_model.post_layernorm.bias",
          .shape = {"vision_config.hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"{$clip}.vision_model.post_layernorm.bias"}},
};

inline constexpr std::array kClipIgnored = {
    Ignored{.pattern = "{$clip}.vision_model.embeddings.position_ids",
            .rule = "positions, counted from zero",
            .counted = true},
};

}  // namespace mlc
