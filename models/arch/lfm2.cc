// LFM2: short convolutions, with attention in some of the layers.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kConvolution = {
    Param{.name = "model.layers.{i}.conv.conv.weight",
          .shape = {"hidden_size", "1", "conv_L_cache"},
          .kind = ParamKind::kConv},
    Param{.name = "model.layers.{i}.conv.conv.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kConv,
          .when = "conv_bias"},
    Param{.name = "model.layers.{i}.conv.in_proj.weight",
          .shape = {"3*hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.conv.in_proj.bias",
          .shape = {"3*hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "conv_bias"},
    Param{.name = "model.layers.{i}.conv.out_proj.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.conv.out_proj.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "conv_bias"},
};

static constexpr std::array kAttention = {
    Param{.name = "model.layers.{i}.self_attn.qkv_proj.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.self_attn.q_proj.weight",
                      "model.layers.{i}.self_attn.k_proj.weight",
                      "model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.out_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.self_attn.q_layernorm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.self_attn.k_layernorm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm},
};

static constexpr std::array kMlpAndNorms = {
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*ffn_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.feed_forward.w1.weight",
                      "model.layers.{i}.feed_forward.w3.weight"}},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "ffn_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.feed_forward.w2.weight"}},
    Param{.name = "model.layers.{i}.operator_norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "model.layers.{i}.ffn_norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};

static constexpr std::array kNorm = {
    Param{
        .name = "model.embedding_norm.weight", .shape = {"hidden_size"}, .kind = ParamKind::kNorm},
};

static constexpr Block kLayer[] = {
    {.when = "(layer_types is not None and layer_types[i] == 'full_attention') or (layer_types is "
             "None and (full_attn_idxs is None or i in full_attn_idxs))",
     .params = kAttention},
    {.when = "(layer_types is not None and layer_types[i] == 'conv') or (layer_types is None and "
             "full_attn_idxs is not None and i not in full_attn_idxs)",
     .params = kConvolution},
    {.params = kMlpAndNorms},
};
static constexpr auto kTail = join(kNorm, kPlainHead);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .blocks = kLayer},
    {.params = kTail},
    kTiedHead,
};

static constexpr Field kFields[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size", .otherwise = "12288"},
    {.name = "ffn_size", .otherwise = "0"},  // what comes of intermediate_size
    {.name = "block_auto_adjust_ff_dim", .type = FieldType::kBool, .otherwise = "True"},
    {.name = "block_multiple_of", .otherwise = "256"},
    {.name = "block_ffn_dim_multiplier", .type = FieldType::kNumber, .otherwise = "1.0"},
    {.name = "num_attention_heads", .otherwise = "32"},
    {.name = "num_hidden_layers"},
    {.name = "num_key_value_heads", .otherwise = "8"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "layer_types", .type = FieldType::kList, .otherwise = "None"},
    {.name = "full_attn_idxs", .type = FieldType::kList, .otherwise = "None"},
    {.name = "conv_L_cache", .otherwise = "3"},
    {.name = "conv_bias", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "norm_eps", .type = FieldType::kNumber, .otherwise = "1e-05"},
    {.name = "vocab_size"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "rope_parameters", .type = FieldType::kAny, .otherwise = "None"},
    kTiedUnlessSaid,
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

// The first releases have keys of their own for the width and for the tied head. The multiplier
// would have to be computed with as a float; no release has another than 1.
static constexpr Step kSteps[] = {
    {.verb = Verb::kTake,
     .field = "intermediate_size",
     .when = When::kAlways,
     .keys = {"block_ff_dim"},
     .expression = "intermediate_size"},
    {.verb = Verb::kTake,
     .field = "tie_word_embeddings",
     .when = When::kAlways,
     .keys = {"tie_embedding"},
     .expression = "tie_word_embeddings"},
    steps::check("not block_auto_adjust_ff_dim or block_ffn_dim_multiplier is None or "
                 "block_ffn_dim_multiplier == 1"),
    steps::check("block_multiple_of > 0"),
    {.verb = Verb::kSet,
     .field = "ffn_size",
     .expression = "(2*intermediate_size//3+block_multiple_of-1)//block_multiple_of"
                   "*block_multiple_of",
     .condition = "block_auto_adjust_ff_dim"},
    steps::set("ffn_size", "intermediate_size"),
    kMemberRopeBase,
    steps::take("position_embedding_base", "rope_theta", "1000000"),
    {.verb = Verb::kTake,
     .field = "context_window_size",
     .keys = {"max_position_embeddings"},
     .expression = "128000"},
    steps::kHeadDim,
    steps::kHeadsGroup,
    steps::kPrefill8192,
};

static constexpr Architecture kModels[] = {
    {.model_type = "lfm2",
     .class_names = {"Lfm2ForCausalLM", "LFM2ForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_lfm2 = kModels;

}  // namespace mlc
