// ChatGLM 2 and 3, GLM 4 in the layout of their remote code.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "transformer.embedding.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"transformer.embedding.word_embeddings.weight"}},
};

static constexpr std::array kLayer = {
    Param{.name = "transformer.encoder.layers.{i}.self_attention.query_key_value.weight",
          .shape = {"(2*multi_query_group_num+num_attention_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "multi_query_attention"},
    Param{.name = "transformer.encoder.layers.{i}.self_attention.query_key_value.weight",
          .shape = {"(2*num_attention_heads+num_attention_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "not multi_query_attention"},
    Param{.name = "transformer.encoder.layers.{i}.self_attention.query_key_value.bias",
          .shape = {"(2*multi_query_group_num+num_attention_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .when = "(add_bias_linear or add_qkv_bias) and (multi_query_attention)"},
    Param{.name = "transformer.encoder.layers.{i}.self_attention.query_key_value.bias",
          .shape = {"(2*num_attention_heads+num_attention_heads)*head_dim"},
          .kind = ParamKind::kLinearBias,
          .when = "(add_bias_linear or add_qkv_bias) and (not multi_query_attention)"},
    Param{.name = "transformer.encoder.layers.{i}.self_attention.dense.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.encoder.layers.{i}.self_attention.dense.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "add_bias_linear"},
    Param{.name = "transformer.encoder.layers.{i}.mlp.dense_h_to_4h.weight",
          .shape = {"ffn_hidden_size*2", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.encoder.layers.{i}.mlp.dense_h_to_4h.bias",
          .shape = {"ffn_hidden_size*2"},
          .kind = ParamKind::kLinearBias,
          .when = "add_bias_linear"},
    Param{.name = "transformer.encoder.layers.{i}.mlp.dense_4h_to_h.weight",
          .shape = {"hidden_size", "ffn_hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "transformer.encoder.layers.{i}.mlp.dense_4h_to_h.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "add_bias_linear"},
    Param{.name = "transformer.encoder.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "transformer.encoder.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};

static constexpr std::array kNorm = {
    Param{.name = "transformer.encoder.final_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .when = "post_layer_norm"},
    Param{.name = "transformer.encoder.final_layernorm.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .when = "post_layer_norm and not rmsnorm"},
};

static constexpr std::array kHead = {
    Param{.name = "transformer.output_layer.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear},
};

static constexpr Ignored kRotary[] = {
    {.pattern = "transformer.rotary_pos_emb.inv_freq",
     .rule = "rotary frequencies, computed from the config",
     .counted = true},
};
static constexpr auto kTail = join(kNorm, kHead);
static constexpr Block kBody[] = {
    {.params = kEmbedding, .ignored = kRotary},
    {.variable = "i", .count = "num_layers", .params = kLayer},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "hidden_size"},
    {.name = "num_layers"},
    {.name = "kv_channels"},
    {.name = "num_attention_heads"},
    {.name = "ffn_hidden_size"},
    {.name = "layernorm_epsilon", .type = FieldType::kNumber},
    {.name = "post_layer_norm", .type = FieldType::kBool},
    {.name = "rmsnorm", .type = FieldType::kBool},
    {.name = "add_bias_linear", .type = FieldType::kBool},
    {.name = "add_qkv_bias", .type = FieldType::kBool},
    {.name = "apply_query_key_layer_scaling", .type = FieldType::kBool},
    {.name = "multi_query_attention", .type = FieldType::kBool},
    {.name = "multi_query_group_num"},
    {.name = "vocab_size", .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    {.verb = Verb::kTake, .field = "vocab_size", .keys = {"padded_vocab_size"}, .expression = "0"},
    {.verb = Verb::kTake,
     .field = "context_window_size",
     .keys = {"max_position_embeddings", "seq_length"}},
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kPrefill8192,
};

// Half of each head is rotated, in neighbouring pairs. The scaling of q k by the number of the
// layer (apply_query_key_layer_scaling) is undone before the softmax.
static constexpr ForwardTraits kForward = {
    .supported = "multi_query_attention and rmsnorm",
    .layers = "num_layers",
    .embedding = "transformer.embedding",
    .norm = {.eps = "layernorm_epsilon"},
    .attention_norm = "transformer.encoder.layers.{i}.input_layernorm",
    .mlp_norm = "transformer.encoder.layers.{i}.post_attention_layernorm",
    .attention = {.heads = "num_attention_heads",
                  .kv_heads = "multi_query_group_num",
                  .head_dim = "head_dim",
                  .qkv = "transformer.encoder.layers.{i}.self_attention.query_key_value",
                  .out = "transformer.encoder.layers.{i}.self_attention.dense",
                  .rope = {.theta = "10000*('rope_ratio' in config and config.rope_ratio or 1)",
                           .dims = "head_dim//2",
                           .interleaved = true}},
    .mlp = {.gate_up = "transformer.encoder.layers.{i}.mlp.dense_h_to_4h",
            .down = "transformer.encoder.layers.{i}.mlp.dense_4h_to_h",
            .activation = "'silu'"},
    .final_norm = "transformer.encoder.final_layernorm",
    .head = "transformer.output_layer",
    .note =
        "mlc-chat-config.json has no rope_ratio, which long-context releases have: 1 is taken"
        " where config.json is missing",
};

static constexpr Architecture kModels[] = {
    {.model_type = "chatglm",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_chatglm = kModels;

}  // namespace mlc
