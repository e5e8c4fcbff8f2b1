// Llama 1 to 3 and the many models that took over its tensors; Mistral; Mixtral.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

// attention_bias and mlp_bias are no fields of mlc_llm's, which drops such biases: here they are
// source tensors that no param uses, and the plan reports them.
static constexpr auto kLayer = join(kLlamaAttention, kLlamaMlp, kLlamaLayerNorms);
static constexpr auto kTail = join(kLlamaNorm, kLlamaHead);
static constexpr Block kLlamaBody[] = {
    {.params = kLlamaEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kTail},
};

// Mistral's head is never tied in mlc_llm: the checkpoint must hold lm_head.weight.
static constexpr auto kMistralTail =
    join(kLlamaNorm, std::array{
                         Param{.name = "lm_head.weight",
                               .shape = {"@vocab_size", "hidden_size"},
                               .kind = ParamKind::kLinear},
                     });
static constexpr Block kMistralBody[] = {
    {.params = kLlamaEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kMistralTail},
};

static constexpr Field kMistralFields[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    {.name = "num_key_value_heads", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "sliding_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "attention_sink_size", .otherwise = "4"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

// A sliding window takes the place of the context window.
static constexpr Step kMistralSteps[] = {
    steps::kRopeBase,
    steps::take("sliding_window_size", "sliding_window", "-1"),
    steps::set("sliding_window_size", "-1", When::kNull),
    {.verb = Verb::kContextUnlessSliding,
     .keys = {"max_position_embeddings", "max_sequence_length"}},
    steps::kKeyValueHeads,
    steps::kHeadDim,
    steps::kHeadsGroup,
    steps::check("attention_sink_size >= 0"),
    {.verb = Verb::kPrefillSliding, .expression = "8192"},
};

// w1 is the gate, w3 goes up, w2 down.
static constexpr std::array kMixtralExperts = {
    Param{.name = "model.layers.{i}.moe.gate.weight",
          .shape = {"num_local_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.block_sparse_moe.gate.weight"}},
    Param{.name = "model.layers.{i}.moe.e1_e3.weight",
          .shape = {"num_local_experts", "2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStackOfConcat,
          .sources = {"model.layers.{i}.block_sparse_moe.experts.{e}.w1.weight",
                      "model.layers.{i}.block_sparse_moe.experts.{e}.w3.weight"},
          .each = "num_local_experts"},
    Param{.name = "model.layers.{i}.moe.e2.weight",
          .shape = {"num_local_experts", "hidden_size", "intermediate_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStack,
          .sources = {"model.layers.{i}.block_sparse_moe.experts.{e}.w2.weight"},
          .each = "num_local_experts"},
};
static constexpr auto kMixtralLayer = join(kLlamaAttention, kMixtralExperts, kLlamaLayerNorms);
static constexpr Block kMixtralBody[] = {
    {.params = kLlamaEmbedding},
    {.variable = "i",
     .count = "num_hidden_layers",
     .params = kMixtralLayer,
     .ignored = kLlamaIgnored},
    {.params = kTail},
};

static constexpr auto kMixtralFields =
    join(kLlamaFields, std::array{
                           Field{.name = "num_local_experts", .otherwise = "0"},
                           Field{.name = "num_experts_per_tok", .otherwise = "0"},
                       });

static constexpr Architecture kModels[] = {
    {.model_type = "llama",
     .config = {.fields = kLlamaFields, .steps = kLlamaSteps},
     .body = kLlamaBody},
    {.model_type = "mistral",
     .config = {.fields = kMistralFields, .steps = kMistralSteps},
     .body = kMistralBody},
    {.model_type = "mixtral",
     .config = {.fields = kMixtralFields, .steps = kLlamaSteps},
     .body = kMixtralBody},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_llama = kModels;

}  // namespace mlc
