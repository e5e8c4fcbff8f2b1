// GPT BigCode: SantaCoder, StarCoder 1. Queries of many heads share one key and one value, and the
// fused matrix is in the checkpoint already.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbeddings = {
    Param{.name = "transformer.wte.weight",
          .shape = {"@vocab_size", "n_embd"},
          .kind = ParamKind::kEmbedding},
    Param{.name = "transformer.wpe.weight",
          .shape = {"n_positions", "n_embd"},
          .kind = ParamKind::kEmbedding},
};

static constexpr std::array kLayer = {
    Param{.name = "transformer.h.{i}.attn.c_attn.weight",
          .shape = {"(n_head+2)*n_embd//n_head", "n_embd"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.attn.c_attn.bias",
          .shape = {"(n_head+2)*n_embd//n_head"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "transformer.h.{i}.attn.c_proj.weight",
          .shape = {"n_embd", "n_head*n_embd//n_head"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.attn.c_proj.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "transformer.h.{i}.mlp.c_fc.weight",
          .shape = {"n_inner", "n_embd"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.mlp.c_fc.bias",
          .shape = {"n_inner"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "transformer.h.{i}.mlp.c_proj.weight",
          .shape = {"n_embd", "n_inner"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.mlp.c_proj.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "transformer.h.{i}.ln_1.weight", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
    Param{.name = "transformer.h.{i}.ln_1.bias", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
    Param{.name = "transformer.h.{i}.ln_2.weight", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
    Param{.name = "transformer.h.{i}.ln_2.bias", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
};

static constexpr std::array kNorm = {
    Param{.name = "transformer.ln_f.weight", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
    Param{.name = "transformer.ln_f.bias", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
};

static constexpr std::array kHead = {
    Param{.name = "lm_head.weight",
          .shape = {"@vocab_size", "n_embd"},
          .kind = ParamKind::kLinear,
          .fallback = "transformer.wte.weight",
          .fallback_when = "'tie_word_embeddings' not in config or config.tie_word_embeddings",
          .rank = 1},
};

static constexpr Ignored kIgnored[] = {
    {.pattern = "transformer.h.{i}.attn.bias", .rule = "causal mask", .counted = true},
    {.pattern = "transformer.h.{i}.attn.masked_bias", .rule = "causal mask", .counted = true},
};
static constexpr auto kTail = join(kNorm, kHead);
static constexpr Block kBody[] = {
    {.params = kEmbeddings},
    {.variable = "i", .count = "n_layer", .params = kLayer, .ignored = kIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "n_embd"},
    {.name = "n_inner"},
    {.name = "n_head"},
    {.name = "n_layer"},
    {.name = "n_positions"},
    {.name = "layer_norm_epsilon", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    steps::set("context_window_size", "n_positions"),
    steps::check("context_window_size > 0"),
    steps::kPrefill8192,
};

static constexpr ForwardTraits kForward = {
    .layers = "n_layer",
    .embedding = "transformer.wte",
    .positions = "transformer.wpe",
    .norm = {.kind = NormKind::kLayer, .eps = "layer_norm_epsilon"},
    .attention_norm = "transformer.h.{i}.ln_1",
    .mlp_norm = "transformer.h.{i}.ln_2",
    .attention = {.heads = "n_head",
                  .kv_heads = "1",
                  .head_dim = "n_embd//n_head",
                  .qkv = "transformer.h.{i}.attn.c_attn",
                  .out = "transformer.h.{i}.attn.c_proj"},
    .mlp = {.up = "transformer.h.{i}.mlp.c_fc",
            .down = "transformer.h.{i}.mlp.c_proj",
            .activation = "'activation_function' in config and config.activation_function or"
                          " 'gelu_pytorch_tanh'"},
    .final_norm = "transformer.ln_f",
    .head = "lm_head",
};

static constexpr Architecture kModels[] = {
    {.model_type = "gpt_bigcode",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_gpt_bigcode = kModels;

}  // namespace mlc
