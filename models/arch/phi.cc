// Phi 1, 1.5 and 2: phi-msft with the remote code's names (and the older mixformer-sequential
// ones), phi with transformers' own. The final norm and the head form one module, lm_head.
#include "models/well_formed.h"

namespace mlc {

// mixformer-sequential numbers everything as one list of layers: 0 is the embedding, 1 .. n the
// blocks, n + 1 norm and head. A model_type that is neither has no layout, which is an error.
static constexpr Alias kAliases[] = {
    {.name = "embd", .text = "transformer.embd.wte", .when = "model_type == 'phi-msft'"},
    {.name = "embd", .text = "layers.0.wte", .when = "model_type == 'mixformer-sequential'"},
    {.name = "layer", .text = "transformer.h.{i}", .when = "model_type == 'phi-msft'"},
    {.name = "layer", .text = "layers.{i+1}", .when = "model_type == 'mixformer-sequential'"},
    {.name = "head", .text = "lm_head", .when = "model_type == 'phi-msft'"},
    {.name = "head", .text = "layers.{n_layer+1}", .when = "model_type == 'mixformer-sequential'"},
};

static constexpr std::array kMsftEmbedding = {
    Param{.name = "transformer.embd.weight",
          .shape = {"vocab_size", "n_embd"},
          .kind = ParamKind::kEmbedding,
          .sources = {"{$embd}.weight"}},
};

static constexpr std::array kMsftLayer = {
    Param{.name = "transformer.h.{i}.ln.weight",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"{$layer}.ln.weight"}},
    Param{.name = "transformer.h.{i}.ln.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"{$layer}.ln.bias"}},
    Param{.name = "transformer.h.{i}.mixer.Wqkv.weight",
          .shape = {"head_dim*(n_head+2*n_head_kv)", "n_embd"},
          .kind = ParamKind::kLinear,
          .sources = {"{$layer}.mixer.Wqkv.weight"}},
    Param{.name = "transformer.h.{i}.mixer.Wqkv.bias",
          .shape = {"head_dim*(n_head+2*n_head_kv)"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$layer}.mixer.Wqkv.bias"}},
    Param{.name = "transformer.h.{i}.mixer.out_proj.weight",
          .shape = {"n_embd", "n_head*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"{$layer}.mixer.out_proj.weight"}},
    Param{.name = "transformer.h.{i}.mixer.out_proj.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$layer}.mixer.out_proj.bias"}},
    Param{.name = "transformer.h.{i}.mlp.fc1.weight",
          .shape = {"n_inner", "n_embd"},
          .kind = ParamKind::kLinear,
          .sources = {"{$layer}.mlp.fc1.weight"}},
    Param{.name = "transformer.h.{i}.mlp.fc1.bias",
          .shape = {"n_inner"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$layer}.mlp.fc1.bias"}},
    Param{.name = "transformer.h.{i}.mlp.fc2.weight",
          .shape = {"n_embd", "n_inner"},
          .kind = ParamKind::kLinear,
          .sources = {"{$layer}.mlp.fc2.weight"}},
    Param{.name = "transformer.h.{i}.mlp.fc2.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$layer}.mlp.fc2.bias"}},
};

static constexpr std::array kMsftTail = {
    Param{.name = "lm_head.ln.weight",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"{$head}.ln.weight"}},
    Param{.name = "lm_head.ln.bias",
          .shape = {"n_embd"},
          .kind = ParamKind::kNorm,
          .sources = {"{$head}.ln.bias"}},
    Param{.name = "lm_head.linear.weight",
          .shape = {"@vocab_size", "n_embd"},
          .kind = ParamKind::kLinear,
          .sources = {"{$head}.linear.weight"}},
    Param{.name = "lm_head.linear.bias",
          .shape = {"@vocab_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"{$head}.linear.bias"}},
};

static constexpr Ignored kMixformerIgnored[] = {
    {.pattern = "layers.{i+1}.mixer.rotary_emb.inv_freq",
     .rule = "rotary frequencies, computed from the config"},
};

static constexpr Block kMsftBody[] = {
    {.params = kMsftEmbedding},
    {.variable = "i", .count = "n_layer", .params = kMsftLayer},
    {.variable = "i",
     .count = "n_layer",
     .when = "model_type == 'mixformer-sequential'",
     .ignored = kMixformerIgnored},
    {.params = kMsftTail},
};

static constexpr Field kMsftFields[] = {
    {.name = "model_type", .type = FieldType::kString},
    {.name = "vocab_size", .otherwise = "51200"},
    {.name = "n_positions", .otherwise = "2048"},
    {.name = "n_embd", .otherwise = "2560"},
    {.name = "n_layer", .otherwise = "32"},
    {.name = "n_inner", .otherwise = "0"},
    {.name = "n_head", .otherwise = "32"},
    {.name = "rotary_dim", .otherwise = "32"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "layer_norm_epsilon", .type = FieldType::kNumber, .otherwise = "1e-05"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "n_head_kv", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
};

static constexpr Step kMsftSteps[] = {
    steps::kRopeBase,
    {.verb = Verb::kTake,
     .field = "context_window_size",
     .keys = {"max_position_embeddings", "max_sequence_length"},
     .expression = "n_positions"},
    {.verb = Verb::kPrefillUncapped},
    steps::set("n_head_kv", "n_head"),
    steps::set("n_inner", "4*n_embd"),
    steps::set("head_dim", "n_embd//n_head"),
    steps::check("head_dim*n_head == n_embd"),
    steps::check("n_head % n_head_kv == 0"),
};

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
    Param{.name = "transformer.h.{i}.ln.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.layers.{i}.input_layernorm.bias"}},
    Param{.name = "transformer.h.{i}.mixer.Wqkv.weight",
          .shape = {"head_dim*(num_attention_heads+2*num_key_value_heads)", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "transformer.h.{i}.mixer.Wqkv.bias",
          .shape = {"head_dim*(num_attention_heads+2*num_key_value_heads)"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.bias",
                      "model.layers.{i}.self_attn.k_proj.bias",
                      "model.layers.{i}.self_attn.v_proj.bias"}},
    Param{.name = "transformer.h.{i}.mixer.out_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.self_attn.dense.weight"}},
    Param{.name = "transformer.h.{i}.mixer.out_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"model.layers.{i}.self_attn.dense.bias"}},
    Param{.name = "transformer.h.{i}.mlp.fc1.weight",
          .shape = {"intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.mlp.fc1.weight"}},
    Param{.name = "transformer.h.{i}.mlp.fc1.bias",
          .shape = {"intermediate_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"model.layers.{i}.mlp.fc1.bias"}},
    Param{.name = "transformer.h.{i}.mlp.fc2.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.mlp.fc2.weight"}},
    Param{.name = "transformer.h.{i}.mlp.fc2.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"model.layers.{i}.mlp.fc2.bias"}},
};

static constexpr std::array kTail = {
    Param{.name = "lm_head.ln.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.final_layernorm.weight"}},
    Param{.name = "lm_head.ln.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.final_layernorm.bias"}},
    Param{.name = "lm_head.linear.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"lm_head.weight"}},
    Param{.name = "lm_head.linear.bias",
          .shape = {"@vocab_size"},
          .kind = ParamKind::kLinearBias,
          .sources = {"lm_head.bias"}},
};

static constexpr Ignored kIgnored[] = {
    {.pattern = "model.layers.{i}.mixer.rotary_emb.inv_freq",
     .rule = "rotary frequencies, computed from the config"},
};

static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "vocab_size", .otherwise = "51200"},
    {.name = "hidden_size", .otherwise = "2048"},
    {.name = "intermediate_size", .otherwise = "8192"},
    {.name = "num_hidden_layers", .otherwise = "24"},
    {.name = "num_attention_heads", .otherwise = "32"},
    {.name = "layer_norm_eps", .type = FieldType::kNumber, .otherwise = "1e-05"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "partial_rotary_factor", .type = FieldType::kNumber, .otherwise = "0.5"},
    {.name = "num_key_value_heads", .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    steps::kRopeBase,
    steps::kContext,
    steps::kPrefill8192,
    steps::kKeyValueHeads,
    steps::set("intermediate_size", "4*hidden_size"),
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kHeadsGroup,
};

static constexpr ForwardTraits kMsftForward = {
    .layers = "n_layer",
    .embedding = "transformer.embd",
    .norm = {.kind = NormKind::kLayer, .eps = "layer_norm_epsilon"},
    .attention_norm = "transformer.h.{i}.ln",
    .parallel = "True",
    .attention = {.heads = "n_head",
                  .kv_heads = "n_head_kv",
                  .head_dim = "head_dim",
                  .qkv = "transformer.h.{i}.mixer.Wqkv",
                  .out = "transformer.h.{i}.mixer.out_proj",
                  .rope = {.theta = "position_embedding_base", .dims = "rotary_dim"}},
    .mlp = {.up = "transformer.h.{i}.mlp.fc1",
            .down = "transformer.h.{i}.mlp.fc2",
            .activation = "'gelu_new'"},
    .final_norm = "lm_head.ln",
    .head = "lm_head.linear",
};

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kMsftForward;
  f.layers = "num_hidden_layers";
  f.norm.eps = "layer_norm_eps";
  f.attention.heads = "num_attention_heads";
  f.attention.kv_heads = "num_key_value_heads";
  f.attention.rope.dims = {};
  f.attention.rope.part = "partial_rotary_factor";
  f.attention.rope.scaling = "'rope_scaling' in config and config.rope_scaling";
  f.mlp.activation = "'hidden_act' in config and config.hidden_act or 'gelu_new'";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "phi-msft",
     .also_detected_as = {"mixformer-sequential"},
     .config = {.fields = kMsftFields, .steps = kMsftSteps},
     .body = kMsftBody,
     .aliases = kAliases,
     .forward = &kMsftForward},
    {.model_type = "phi",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_phi = kModels;

}  // namespace mlc
