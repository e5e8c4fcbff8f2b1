// Qwen 1. intermediate_size counts both halves of the gated layer.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "transformer.wte.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
};

static constexpr std::array kLayer = {
    Param{.name = "transformer.h.{i}.attn.c_attn.weight",
          .shape = {"3*num_attention_heads*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.attn.c_attn.bias",
          .shape = {"3*num_attention_heads*head_dim"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "transformer.h.{i}.attn.c_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.mlp.gate_up_proj.weight",
          .shape = {"intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"transformer.h.{i}.mlp.w1.weight", "transformer.h.{i}.mlp.w2.weight"}},
    Param{.name = "transformer.h.{i}.mlp.c_proj.weight",
          .shape = {"hidden_size", "intermediate_size//2"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.ln_1.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "transformer.h.{i}.ln_2.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};

static constexpr std::array kTail = {
    Param{.name = "transformer.ln_f.weight", .shape = {"hidden_size"}, .kind = ParamKind::kNorm},
    Param{.name = "lm_head.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear},
};

static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "layer_norm_epsilon", .type = FieldType::kNumber},
    {.name = "scale_attn_weights", .type = FieldType::kBool},
    {.name = "kv_channels"},
    {.name = "rotary_emb_base", .type = FieldType::kNumber},
    {.name = "intermediate_size"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
};

static constexpr Step kSteps[] = {
    steps::kContext,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kPrefill8192,
};

static constexpr ForwardTraits kForward = {
    .layers = "num_hidden_layers",
    .embedding = "transformer.wte",
    .norm = {.eps = "layer_norm_epsilon"},
    .attention_norm = "transformer.h.{i}.ln_1",
    .mlp_norm = "transformer.h.{i}.ln_2",
    .attention = {.heads = "num_attention_heads",
                  .kv_heads = "num_attention_heads",
                  .head_dim = "head_dim",
                  .qkv = "transformer.h.{i}.attn.c_attn",
                  .out = "transformer.h.{i}.attn.c_proj",
                  .rope = {.theta = "rotary_emb_base"}},
    .mlp = {.gate_up = "transformer.h.{i}.mlp.gate_up_proj",
            .down = "transformer.h.{i}.mlp.c_proj",
            .activation = "'silu'",
            .up_first = true},
    .final_norm = "transformer.ln_f",
    .head = "lm_head",
    .note = "Qwen 1 scales attention and rotations beyond its seq_length; here that is not done",
};

static constexpr Architecture kModels[] = {
    {.model_type = "qwen",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_qwen = kModels;

}  // namespace mlc
