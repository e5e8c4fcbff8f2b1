// Orion: Llama's shape with LayerNorm.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr auto kLayer = join(kLlamaAttention, kLlamaMlp, kBiasedLayerNorms);
static constexpr auto kTail = join(kBiasedNorm, kSymbolicOwnHead);
static constexpr Block kBody[] = {
    {.params = kLlamaEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "num_key_value_heads", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    steps::kRopeBase,        steps::kContext,    steps::kKeyValueHeads, steps::kHeadDim,
    steps::kHeadsFillHidden, steps::kHeadsGroup, steps::kPrefill8192,
};

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kLlamaForward;
  f.norm.kind = NormKind::kLayer;
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "orion",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_orion = kModels;

}  // namespace mlc
