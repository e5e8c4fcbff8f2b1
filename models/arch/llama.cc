// Llama 1 to 3 and the many models that took over its tensors; Mistral; Mixtral.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr auto kLayer = join(kLlamaAttention, kLlamaMlp, kLlamaLayerNorms);
static constexpr auto kTail = join(kLlamaNorm, kLlamaHead);
static constexpr Block kLlamaBody[] = {
    {.params = kLlamaEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kTail},
    kTiedHead,
};

// Mistral has no tie_word_embeddings in mlc_llm.
static constexpr auto kMistralTail = join(kLlamaNorm, kSymbolicOwnHead);
static constexpr Block kMistralBody[] = {
    {.params = kLlamaEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kMistralTail},
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
    kTiedHead,
};

static constexpr auto kMixtralFields =
    join(kLlamaFields, std::array{
                           Field{.name = "num_local_experts", .otherwise = "0"},
                           Field{.name = "num_experts_per_tok", .otherwise = "0"},
                       });

static constexpr ForwardTraits kMistralForward = [] {
  ForwardTraits f = kLlamaForward;
  f.attention.window = "sliding_window_size";
  return f;
}();

// Softmax over the chosen equals softmax over all, divided by the sum of the chosen.
static constexpr ForwardTraits kMixtralForward = [] {
  ForwardTraits f = kLlamaForward;
  f.attention.window = kConfigWindow;
  f.mlp = {.activation = "'hidden_act' in config and config.hidden_act or 'silu'"};
  f.moe = {.when = "True",
           .top_k = "num_experts_per_tok",
           .router = "model.layers.{i}.moe.gate",
           .gate_up = "model.layers.{i}.moe.e1_e3",
           .down = "model.layers.{i}.moe.e2",
           .normalize = "True"};
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "llama", .config = kLlamaConfig, .body = kLlamaBody, .forward = &kLlamaForward},
    {.model_type = "mistral",
     .config = kMistralConfig,
     .body = kMistralBody,
     .forward = &kMistralForward},
    {.model_type = "mixtral",
     .config = {.fields = kMixtralFields, .steps = kLlamaSteps},
     .body = kMixtralBody,
     .forward = &kMixtralForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_llama = kModels;

}  // namespace mlc
