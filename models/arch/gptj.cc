// GPT-J. mlc_llm asks for the attention's tensors under a name that no checkpoint has, and so fails
// since March 2026; here they are as in its last working version. The head has a bias.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "transformer.wte.weight",
          .shape = {"vocab_size", "n_embd"},
          .kind = ParamKind::kEmbedding},
};

static constexpr std::array kLayer = {
    Param{.name = "transformer.h.{i}.ln_1.weight", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
    Param{.name = "transformer.h.{i}.ln_1.bias", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
    Param{
        .name = "transformer.h.{i}.attn.c_attn.weight",
        .shape = {"3*n_embd", "n_embd"},
        .kind = ParamKind::kLinear,
        .op = Op::kConcat,
        .sources = {"transformer.h.{i}.attn.q_proj.weight", "transformer.h.{i}.attn.k_proj.weight",
                    "transformer.h.{i}.attn.v_proj.weight"}},
    Param{.name = "transformer.h.{i}.attn.out_proj.weight",
          .shape = {"n_embd", "n_embd"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.mlp.fc_in.weight",
          .shape = {"4*n_embd", "n_embd"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.mlp.fc_in.bias",
          .shape = {"4*n_embd"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "transformer.h.{i}.mlp.fc_out.weight",
          .shape = {"n_embd", "4*n_embd"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.h.{i}.mlp.fc_out.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kLinearBias},
};

static constexpr std::array kTail = {
    Param{.name = "transformer.ln_f.weight", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
    Param{.name = "transformer.ln_f.bias", .shape = {"n_embd"}, .kind = ParamKind::kNorm},
    Param{.name = "lm_head.weight", .shape = {"vocab_size", "n_embd"}, .kind = ParamKind::kLinear},
    Param{.name = "lm_head.bias", .shape = {"vocab_size"}, .kind = ParamKind::kLinearBias},
};

static constexpr Ignored kIgnored[] = {
    {.pattern = "transformer.h.{i}.attn.bias", .rule = "causal mask", .counted = true},
    {.pattern = "transformer.h.{i}.attn.masked_bias", .rule = "causal mask", .counted = true},
};
static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "n_layer", .params = kLayer, .ignored = kIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "n_embd"},
    {.name = "n_layer"},
    {.name = "n_head"},
    {.name = "layer_norm_epsilon", .type = FieldType::kNumber},
    {.name = "rotary_dim"},
    {.name = "activation_function", .type = FieldType::kString},
    {.name = "n_inner", .otherwise = "-1"},
    {.name = "rope_scaling", .type = FieldType::kObject, .otherwise = "None"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
};

static constexpr Step kSteps[] = {
    {.verb = Verb::kTake,
     .field = "context_window_size",
     .keys = {"max_position_embeddings", "n_positions"}},
    steps::set("head_dim", "n_embd//n_head"),
    steps::check("head_dim*n_head == n_embd"),
    steps::kPrefill8192,
};

static constexpr ForwardTraits kForward = {
    .layers = "n_layer",
    .embedding = "transformer.wte",
    .norm = {.kind = NormKind::kLayer, .eps = "layer_norm_epsilon"},
    .attention_norm = "transformer.h.{i}.ln_1",
    .parallel = "True",
    .attention = {.heads = "n_head",
                  .kv_heads = "n_head",
                  .head_dim = "head_dim",
                  .qkv = "transformer.h.{i}.attn.c_attn",
                  .out = "transformer.h.{i}.attn.out_proj",
                  .rope = {.theta = "10000", .dims = "rotary_dim", .interleaved = true}},
    .mlp = {.up = "transformer.h.{i}.mlp.fc_in",
            .down = "transformer.h.{i}.mlp.fc_out",
            .activation = "activation_function"},
    .final_norm = "transformer.ln_f",
    .head = "lm_head",
};

static constexpr Architecture kModels[] = {
    {.model_type = "gptj",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_gptj = kModels;

}  // namespace mlc
