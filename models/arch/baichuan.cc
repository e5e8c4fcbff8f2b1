// Baichuan: Llama's shape; the checkpoint holds q, k and v as one matrix.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kAttention = {
    Param{.name = "model.layers.{i}.self_attn.W_pack.weight",
          .shape = {"3*num_attention_heads*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
};

static constexpr auto kLayer = join(kAttention, kLlamaMlp, kLlamaLayerNorms);
static constexpr auto kTail = join(kLlamaNorm, kOwnHead);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kRotaryIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "initializer_range", .type = FieldType::kNumber},
    {.name = "intermediate_size"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "use_cache", .type = FieldType::kBool},
    {.name = "pad_token_id", .type = FieldType::kAny},
    {.name = "bos_token_id", .type = FieldType::kAny},
    {.name = "eos_token_id", .type = FieldType::kAny},
    {.name = "tie_word_embeddings", .type = FieldType::kBool},
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

// Baichuan 1 with 7B. 13B has linear biases instead of rotations; Baichuan 2 norms the rows of its
// head, which the folder holds as they were.
static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.supported = "hidden_size != 5120 and vocab_size != 125696";
  f.attention.kv_heads = "num_attention_heads";
  f.attention.qkv = "model.layers.{i}.self_attn.W_pack";
  f.attention.rope.theta = "10000";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "baichuan",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_baichuan = kModels;

}  // namespace mlc
