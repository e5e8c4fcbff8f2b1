// RWKV 5 and 6: recurrent blocks. With rescale_every, the two matrices that write to the residual
// are halved once more every so many blocks, so that float16 does not overflow.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "model.embeddings.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"rwkv.embeddings.weight"}},
};

static constexpr std::array kNorms = {
    Param{.name = "model.blocks.{i}.pre_ln.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.blocks.{i}.pre_ln.weight"},
          .when = "i == 0"},
    Param{.name = "model.blocks.{i}.pre_ln.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.blocks.{i}.pre_ln.bias"},
          .when = "i == 0"},
    Param{.name = "model.blocks.{i}.ln1.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.blocks.{i}.ln1.weight"}},
    Param{.name = "model.blocks.{i}.ln1.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.blocks.{i}.ln1.bias"}},
    Param{.name = "model.blocks.{i}.ln2.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.blocks.{i}.ln2.weight"}},
    Param{.name = "model.blocks.{i}.ln2.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.blocks.{i}.ln2.bias"}},
};

static constexpr std::array kTime5 = {
    Param{.name = "model.blocks.{i}.attention.time_decay",
          .shape = {"num_heads", "head_size"},
          .op = Op::kExpNegExp,
          .sources = {"rwkv.blocks.{i}.attention.time_decay"},
          .dtype = DType::kF32},
    Param{.name = "model.blocks.{i}.attention.time_faaaa",
          .shape = {"num_heads", "head_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_faaaa"},
          .dtype = DType::kF32},
    Param{.name = "model.blocks.{i}.attention.time_mix_gate",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_mix_gate"}},
    Param{.name = "model.blocks.{i}.attention.time_mix_key",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_mix_key"}},
    Param{.name = "model.blocks.{i}.attention.time_mix_value",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_mix_value"}},
    Param{.name = "model.blocks.{i}.attention.time_mix_receptance",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_mix_receptance"}},
};

// The ranks of version 6 are those of the released models: 7B and larger have twice as many.
static constexpr std::array kTime6 = {
    Param{.name = "model.blocks.{i}.attention.time_maa_x",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_maa_x"}},
    Param{.name = "model.blocks.{i}.attention.time_maa_w",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_maa_w"}},
    Param{.name = "model.blocks.{i}.attention.time_maa_k",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_maa_k"}},
    Param{.name = "model.blocks.{i}.attention.time_maa_v",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_maa_v"}},
    Param{.name = "model.blocks.{i}.attention.time_maa_r",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_maa_r"}},
    Param{.name = "model.blocks.{i}.attention.time_maa_g",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_maa_g"}},
    Param{.name = "model.blocks.{i}.attention.time_maa_w1",
          .shape = {"hidden_size", "5*(hidden_size == 4096 and 64 or 32)"},
          .sources = {"rwkv.blocks.{i}.attention.time_maa_w1"}},
    Param{.name = "model.blocks.{i}.attention.time_maa_w2",
          .shape = {"5", "hidden_size == 4096 and 64 or 32", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_maa_w2"}},
    Param{.name = "model.blocks.{i}.attention.time_decay_w1",
          .shape = {"hidden_size", "hidden_size == 4096 and 128 or 64"},
          .sources = {"rwkv.blocks.{i}.attention.time_decay_w1"}},
    Param{.name = "model.blocks.{i}.attention.time_decay_w2",
          .shape = {"hidden_size == 4096 and 128 or 64", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_decay_w2"}},
    Param{.name = "model.blocks.{i}.attention.time_decay",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_decay"},
          .dtype = DType::kF32},
    Param{.name = "model.blocks.{i}.attention.time_faaaa",
          .shape = {"num_heads", "head_size"},
          .sources = {"rwkv.blocks.{i}.attention.time_faaaa"},
          .dtype = DType::kF32},
};

static constexpr std::array kAttention = {
    Param{.name = "model.blocks.{i}.attention.key.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.attention.key.weight"}},
    Param{.name = "model.blocks.{i}.attention.value.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.attention.value.weight"}},
    Param{.name = "model.blocks.{i}.attention.receptance.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.attention.receptance.weight"}},
    Param{.name = "model.blocks.{i}.attention.gate.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.attention.gate.weight"}},
    Param{.name = "model.blocks.{i}.attention.output.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kDivPow2,
          .args = {.exponent = "i//rescale_every"},
          .sources = {"rwkv.blocks.{i}.attention.output.weight"},
          .when = "rescale_every > 0"},
    Param{.name = "model.blocks.{i}.attention.output.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.attention.output.weight"},
          .when = "rescale_every == 0"},
    Param{.name = "model.blocks.{i}.attention.ln_x.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.blocks.{i}.attention.ln_x.weight"},
          .dtype = DType::kF32},
    Param{.name = "model.blocks.{i}.attention.ln_x.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.blocks.{i}.attention.ln_x.bias"},
          .dtype = DType::kF32},
};

static constexpr std::array kFeedForward5 = {
    Param{.name = "model.blocks.{i}.feed_forward.time_mix_key",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.feed_forward.time_mix_key"}},
    Param{.name = "model.blocks.{i}.feed_forward.time_mix_receptance",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.feed_forward.time_mix_receptance"}},
    Param{.name = "model.blocks.{i}.feed_forward.key.weight",
          .shape = {"intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.feed_forward.key.weight"}},
    Param{.name = "model.blocks.{i}.feed_forward.receptance.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.feed_forward.receptance.weight"}},
    Param{.name = "model.blocks.{i}.feed_forward.value.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kDivPow2,
          .args = {.exponent = "i//rescale_every"},
          .sources = {"rwkv.blocks.{i}.feed_forward.value.weight"},
          .when = "rescale_every > 0"},
    Param{.name = "model.blocks.{i}.feed_forward.value.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.feed_forward.value.weight"},
          .when = "rescale_every == 0"},
};

static constexpr std::array kFeedForward6 = {
    Param{.name = "model.blocks.{i}.feed_forward.time_maa_k",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.feed_forward.time_maa_k"}},
    Param{.name = "model.blocks.{i}.feed_forward.time_maa_r",
          .shape = {"1", "1", "hidden_size"},
          .sources = {"rwkv.blocks.{i}.feed_forward.time_maa_r"}},
    Param{.name = "model.blocks.{i}.feed_forward.key.weight",
          .shape = {"hidden_size//2*7", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.feed_forward.key.weight"}},
    Param{.name = "model.blocks.{i}.feed_forward.receptance.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.feed_forward.receptance.weight"}},
    Param{.name = "model.blocks.{i}.feed_forward.value.weight",
          .shape = {"hidden_size", "hidden_size//2*7"},
          .kind = ParamKind::kLinear,
          .op = Op::kDivPow2,
          .args = {.exponent = "i//rescale_every"},
          .sources = {"rwkv.blocks.{i}.feed_forward.value.weight"},
          .when = "rescale_every > 0"},
    Param{.name = "model.blocks.{i}.feed_forward.value.weight",
          .shape = {"hidden_size", "hidden_size//2*7"},
          .kind = ParamKind::kLinear,
          .sources = {"rwkv.blocks.{i}.feed_forward.value.weight"},
          .when = "rescale_every == 0"},
};

static constexpr std::array kTail = {
    Param{.name = "model.ln_out.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.ln_out.weight"}},
    Param{.name = "model.ln_out.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"rwkv.ln_out.bias"}},
    Param{
        .name = "head.weight", .shape = {"vocab_size", "hidden_size"}, .kind = ParamKind::kLinear},
};

static constexpr auto kLayer5 = join(kNorms, kTime5, kAttention, kFeedForward5);
static constexpr auto kLayer6 = join(kNorms, kTime6, kAttention, kFeedForward6);
static constexpr Block kBody5[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer5},
    {.params = kTail},
};
static constexpr Block kBody6[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer6},
    {.params = kTail},
};

static constexpr Field kFields5[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size", .otherwise = "None"},
    {.name = "num_hidden_layers"},
    {.name = "vocab_size"},
    {.name = "model_version", .type = FieldType::kString},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "rescale_every", .otherwise = "0"},
    {.name = "head_size", .otherwise = "64"},
    {.name = "layer_norm_epsilon", .type = FieldType::kNumber, .otherwise = "1e-05"},
    {.name = "context_window_size", .otherwise = "-1"},
    {.name = "prefill_chunk_size", .otherwise = "4096"},
    {.name = "num_heads", .otherwise = "0"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Field kFields6[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size", .otherwise = "None"},
    {.name = "num_hidden_layers"},
    {.name = "vocab_size"},
    {.name = "model_version", .type = FieldType::kString, .otherwise = "'6_0'"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "rescale_every", .otherwise = "0"},
    {.name = "head_size", .otherwise = "64"},
    {.name = "layer_norm_epsilon", .type = FieldType::kNumber, .otherwise = "1e-05"},
    {.name = "context_window_size", .otherwise = "-1"},
    {.name = "prefill_chunk_size", .otherwise = "4096"},
    {.name = "num_heads", .otherwise = "0"},
    {.name = "max_batch_size", .otherwise = "1"},
};

// int(hidden_size * 3.5) // 32 * 32, in integers.
static constexpr std::array kCommonSteps = {
    steps::set("intermediate_size", "hidden_size*7//2//32*32"),
    steps::set("num_heads", "hidden_size//head_size"),
    steps::check("num_heads*head_size == hidden_size"),
    steps::check("tensor_parallel_shards == 1"),
};
static constexpr auto kSteps5 =
    join(std::array{steps::check("model_version == '5_2'")}, kCommonSteps);
static constexpr auto kSteps6 =
    join(std::array{steps::check("model_version == '6_0'")}, kCommonSteps);

static constexpr ForwardTraits kForward5 = {
    .layers = "num_hidden_layers",
    .embedding = "model.embeddings",
    .embedding_norm = "model.blocks.{i}.pre_ln",
    .norm = {.kind = NormKind::kLayer, .eps = "layer_norm_epsilon"},
    .attention_norm = "model.blocks.{i}.ln1",
    .mlp_norm = "model.blocks.{i}.ln2",
    .residual_scale = {{"rescale_every > 0 and 2**(i//rescale_every) or 1"}},
    .recurrent = {.heads = "num_heads",
                  .head_dim = "head_size",
                  .attention = "model.blocks.{i}.attention",
                  .feed_forward = "model.blocks.{i}.feed_forward",
                  .head_eps = {{"1e-5"},
                               {"'head_size_divisor' in config and config.head_size_divisor or 8",
                                2}}},
    .final_norm = "model.ln_out",
    .head = "head",
    .note =
        "the heads' norm has the epsilon that RWKV is trained with, 1e-5 times the square of"
        " head_size_divisor; mlc_llm's model has 1e-5",
};

static constexpr ForwardTraits kForward6 = [] {
  ForwardTraits f = kForward5;
  f.recurrent.by_token = true;
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "rwkv5",
     .config = {.fields = kFields5, .steps = kSteps5},
     .body = kBody5,
     .forward = &kForward5},
    {.model_type = "rwkv6",
     .config = {.fields = kFields6, .steps = kSteps6},
     .body = kBody6,
     .forward = &kForward6},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_rwkv = kModels;

}  // namespace mlc
