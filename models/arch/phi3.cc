// Phi 3, 3.5, 4, and Phi 3 with vision. The checkpoints hold fused qkv and gate-up matrices.
#include "models/arch/clip_rows.h"
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "transformer.embd.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"model.embed_tokens.weight"}},
};

static constexpr std::array kLayer = {
    Param{.name = "transformer.h.{i}.ln.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.layers.{i}.input_layernorm.weight"}},
    Param{.name = "transformer.h.{i}.mixer.qkv_proj.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.self_attn.qkv_proj.weight"}},
    Param{.name = "transformer.h.{i}.mixer.out_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.self_attn.o_proj.weight"}},
    Param{.name = "transformer.h.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.mlp.gate_up_proj.weight"}},
    Param{.name = "transformer.h.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.mlp.down_proj.weight"}},
    Param{.name = "transformer.h.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.layers.{i}.post_attention_layernorm.weight"}},
};

static constexpr std::array kTail = {
    Param{.name = "transformer.norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.norm.weight"}},
    Param{.name = "lm_head.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "not tie_word_embeddings"},
};

static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kRotaryIgnored},
    {.params = kTail},
    kTiedHead,
};

static constexpr Field kFields[] = {
    {.name = "model_type", .type = FieldType::kString},
    {.name = "hidden_size"},
    {.name = "vocab_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "intermediate_size"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "num_key_value_heads"},
    {.name = "max_position_embeddings"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "rope_scaling", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "original_max_position_embeddings", .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "partial_rotary_factor", .type = FieldType::kNumber, .otherwise = "1.0"},
};

static constexpr Step kSteps[] = {
    steps::kRopeBase,
    {.verb = Verb::kRopeScalingLongrope},
    steps::set("context_window_size", "max_position_embeddings"),
    steps::kPrefill8192,
    steps::kKeyValueHeads,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kHeadsGroup,
};

static constexpr Alias kVisionAliases[] = {
    {.name = "tower", .text = "vision_embed_tokens.img_processor"},
    {.name = "clip", .text = "model.vision_embed_tokens.img_processor"},
};
static constexpr std::string_view kTower[] = {"vision_embed_tokens.img_processor"};

static constexpr std::array kVisionEmbedding = {
    Param{.name = "model.embd.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"model.embed_tokens.weight"}},
};

static constexpr std::array kVisionLayer = {
    Param{.name = "model.h.{i}.ln.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.layers.{i}.input_layernorm.weight"}},
    Param{.name = "model.h.{i}.mixer.qkv_proj.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.self_attn.qkv_proj.weight"}},
    Param{.name = "model.h.{i}.mixer.out_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.self_attn.o_proj.weight"}},
    Param{.name = "model.h.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.mlp.gate_up_proj.weight"}},
    Param{.name = "model.h.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.mlp.down_proj.weight"}},
    Param{.name = "model.h.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.layers.{i}.post_attention_layernorm.weight"}},
};

static constexpr auto kVisionTail = join(kLlamaNorm, kSymbolicOwnHead);

static constexpr std::array kProjection = {
    Param{.name = "vision_embed_tokens.glb_GN",
          .shape = {"1", "1", "4096"},
          .sources = {"model.vision_embed_tokens.glb_GN"}},
    Param{.name = "vision_embed_tokens.sub_GN",
          .shape = {"1", "1", "1", "4096"},
          .sources = {"model.vision_embed_tokens.sub_GN"}},
    Param{.name = "vision_embed_tokens.img_projection.linear_1.weight",
          .shape = {"hidden_size", "vision_config.hidden_size*4"},
          .kind = ParamKind::kLinear,
          .sources = {"model.vision_embed_tokens.img_projection.0.weight"}},
    Param{.name = "vision_embed_tokens.img_projection.linear_1.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"model.vision_embed_tokens.img_projection.0.bias"}},
    Param{.name = "vision_embed_tokens.img_projection.linear_2.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.vision_embed_tokens.img_projection.2.weight"}},
    Param{.name = "vision_embed_tokens.img_projection.linear_2.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"model.vision_embed_tokens.img_projection.2.bias"}},
};

static constexpr Ignored kCopies[] = {
    {.pattern = "model.vision_embed_tokens.wte.weight",
     .rule = "a second copy of the embedding",
     .counted = true},
};
static constexpr Block kVisionBody[] = {
    {.params = kVisionEmbedding, .ignored = kCopies},
    {.variable = "i", .count = "num_hidden_layers", .params = kVisionLayer},
    {.params = kVisionTail},
    {.params = kClipEmbeddings, .ignored = kClipIgnored},
    {.variable = "i", .count = "vision_config.num_hidden_layers", .params = kClipLayer},
    {.params = kClipNorm},
    {.params = kProjection},
};

// The file's vision_config is not read: the tower is always CLIP ViT-L/14 for 336 pixels.
static constexpr Field kClipLFields[] = {
    {.name = "hidden_size", .otherwise = "1024"},
    {.name = "image_size", .otherwise = "336"},
    {.name = "intermediate_size", .otherwise = "4096"},
    {.name = "num_attention_heads", .otherwise = "16"},
    {.name = "num_hidden_layers", .otherwise = "24"},
    {.name = "patch_size", .otherwise = "14"},
    {.name = "projection_dim", .otherwise = "768"},
    {.name = "vocab_size", .otherwise = "None"},
    {.name = "num_channels", .otherwise = "3"},
    {.name = "layer_norm_eps", .type = FieldType::kNumber, .otherwise = "1e-05"},
};
static constexpr ConfigTable kClipL = {.fields = kClipLFields};

static constexpr Field kVisionFields[] = {
    {.name = "model_type", .type = FieldType::kString},
    {.name = "hidden_size"},
    {.name = "vocab_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "intermediate_size"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "num_key_value_heads"},
    {.name = "max_position_embeddings"},
    {.name = "vision_config", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "img_processor", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "rope_scaling", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "original_max_position_embeddings", .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr auto kVisionSteps =
    join(std::array{Step{.verb = Verb::kEmpty, .field = "vision_config"},
                    steps::nested("vision_config", kClipL)},
         std::to_array(kSteps));

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.embedding = "transformer.embd";
  f.attention_norm = "transformer.h.{i}.ln";
  f.mlp_norm = "transformer.h.{i}.post_attention_layernorm";
  f.attention.qkv = "transformer.h.{i}.mixer.qkv_proj";
  f.attention.out = "transformer.h.{i}.mixer.out_proj";
  f.attention.rope.part = "partial_rotary_factor";
  f.attention.window = kConfigWindow;
  f.mlp.gate_up = "transformer.h.{i}.mlp.gate_up_proj";
  f.mlp.down = "transformer.h.{i}.mlp.down_proj";
  f.final_norm = "transformer.norm";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "phi3",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
    {.model_type = "phi3_v",
     .config = {.fields = kVisionFields, .steps = kVisionSteps},
     .body = kVisionBody,
     .aliases = kVisionAliases,
     .no_quantization = kTower},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_phi3 = kModels;

}  // namespace mlc
