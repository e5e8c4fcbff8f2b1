// GPT-2 in the layout of OpenAI's checkpoints: no "transformer." in front of the names, and
// Conv1D weights, which are [in, out] and so transposed here.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbeddings = {
    Param{.name = "transformer.wte.weight",
          .shape = {"@vocab_size", "n_embd"},
          .kind = ParamKind::kEmbedding,
          .sources = {"wte.weight"},
          .rank = 1},
    Param{.name = "transformer.wpe.weight",
          .shape = {"context_window_size", "n_embd"},
          .kind = ParamKind::kEmbedding,
          .sources = {"wpe.weight"}},
};

static constexpr std::array kLayer = {
    Param{.name = "transformer.h.{i}.ln_1.weight",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"h.{i}.ln_1.weight"}},
    Param{.name = "transformer.h.{i}.ln_1.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"h.{i}.ln_1.bias"}},
    Param{.name = "transformer.h.{i}.attn.c_attn.weight",
          .shape = {"3*n_head*head_dim", "n_embd"},
          .kind = ParamKind::kLinear,
          .op = Op::kTranspose,
          .sources = {"h.{i}.attn.c_attn.weight"}},
    Param{.name = "transformer.h.{i}.attn.c_attn.bias",
          .shape = {"3*n_head*head_dim"},
          .kind = ParamKind::kLinearBias,
          .sources = {"h.{i}.attn.c_attn.bias"}},
    Param{.name = "transformer.h.{i}.attn.c_proj.weight",
          .shape = {"n_embd", "n_head*head_dim"},
          .kind = ParamKind::kLinear,
          .op = Op::kTranspose,
          .sources = {"h.{i}.attn.c_proj.weight"}},
    Param{.name = "transformer.h.{i}.attn.c_proj.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kLinearBias,
          .sources = {"h.{i}.attn.c_proj.bias"}},
    Param{.name = "transformer.h.{i}.ln_2.weight",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"h.{i}.ln_2.weight"}},
    Param{.name = "transformer.h.{i}.ln_2.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"h.{i}.ln_2.bias"}},
    Param{.name = "transformer.h.{i}.mlp.c_fc.weight",
          .shape = {"n_inner", "n_embd"},
          .kind = ParamKind::kLinear,
          .op = Op::kTranspose,
          .sources = {"h.{i}.mlp.c_fc.weight"}},
    Param{.name = "transformer.h.{i}.mlp.c_fc.bias",
          .shape = {"n_inner"},
          .kind = ParamKind::kLinearBias,
          .sources = {"h.{i}.mlp.c_fc.bias"}},
    Param{.name = "transformer.h.{i}.mlp.c_proj.weight",
          .shape = {"n_embd", "n_inner"},
          .kind = ParamKind::kLinear,
          .op = Op::kTranspose,
          .sources = {"h.{i}.mlp.c_proj.weight"}},
    Param{.name = "transformer.h.{i}.mlp.c_proj.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kLinearBias,
          .sources = {"h.{i}.mlp.c_proj.bias"}},
};

// The head is a second copy of the token embedding, and comes out before it.
static constexpr std::array kTail = {
    Param{.name = "transformer.ln_f.weight",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"ln_f.weight"}},
    Param{.name = "transformer.ln_f.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"ln_f.bias"}},
    Param{.name = "lm_head.weight",
          .shape = {"@vocab_size", "n_embd"},
          .kind = ParamKind::kLinear,
          .sources = {"wte.weight"},
          .rank = 0},
};

static constexpr Ignored kIgnored[] = {
    {.pattern = "h.{i}.attn.bias", .rule = "causal mask"},
    {.pattern = "h.{i}.attn.masked_bias", .rule = "causal mask", .counted = true},
};
static constexpr Ignored kTiedHead[] = {
    {.pattern = "lm_head.weight", .rule = "the head is tied to the embedding", .counted = true},
};

static constexpr Block kBody[] = {
    {.params = kEmbeddings, .ignored = kTiedHead},
    {.variable = "i", .count = "n_layer", .params = kLayer, .ignored = kIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "n_embd"},
    {.name = "n_layer"},
    {.name = "n_head"},
    {.name = "layer_norm_epsilon", .type = FieldType::kNumber},
    {.name = "n_inner", .otherwise = "-1"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "scale_attn_by_inverse_layer_idx", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    steps::set("n_inner", "4*n_embd", When::kNullOrMinus1),
    {.verb = Verb::kTake,
     .field = "context_window_size",
     .keys = {"n_positions", "max_sequence_length"}},
    steps::set("head_dim", "n_embd//n_head"),
    steps::check("head_dim*n_head == n_embd"),
    steps::kPrefill8192,
};

// What transformers saves has the outer module's name in front.
static constexpr Rename kOuter[] = {{.from = "", .to = "transformer."}};

static constexpr ForwardTraits kForward = {
    .layers = "n_layer",
    .embedding = "transformer.wte",
    .positions = "transformer.wpe",
    .norm = {.kind = NormKind::kLayer, .eps = "layer_norm_epsilon"},
    .attention_norm = "transformer.h.{i}.ln_1",
    .mlp_norm = "transformer.h.{i}.ln_2",
    .attention = {.heads = "n_head",
                  .kv_heads = "n_head",
                  .head_dim = "head_dim",
                  .qkv = "transformer.h.{i}.attn.c_attn",
                  .out = "transformer.h.{i}.attn.c_proj",
                  .scale = {{"head_dim", -0.5},
                            {"scale_attn_by_inverse_layer_idx and i + 1 or 1", -1}}},
    .mlp = {.up = "transformer.h.{i}.mlp.c_fc",
            .down = "transformer.h.{i}.mlp.c_proj",
            .activation = "'activation_function' in config and config.activation_function or"
                          " 'gelu_new'"},
    .final_norm = "transformer.ln_f",
    .head = "lm_head",
};

static constexpr Architecture kModels[] = {
    {.model_type = "gpt2",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .renames = kOuter,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_gpt2 = kModels;

}  // namespace mlc
