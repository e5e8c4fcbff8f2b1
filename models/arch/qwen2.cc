// Qwen 2 and 2.5: Llama's shape with biases on q, k and v. Qwen 2 MoE: experts in every layer, and
// one that all tokens share.
#include "models/arch/llama_rows.h"
#include "models/arch/qwen_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr auto kLayer = join(kQwenAttention, kLlamaMlp, kLlamaLayerNorms);
static constexpr auto kTail = join(kLlamaNorm, kPlainHead);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kTail},
    kTiedHead,
};

static constexpr std::array kSharedExpert = {
    Param{.name = "model.layers.{i}.mlp.shared_expert.gate_up_proj.weight",
          .shape = {"2*shared_expert_intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.mlp.shared_expert.gate_proj.weight",
                      "model.layers.{i}.mlp.shared_expert.up_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.shared_expert.down_proj.weight",
          .shape = {"hidden_size", "shared_expert_intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "model.layers.{i}.mlp.shared_expert_gate.weight",
          .shape = {"1", "hidden_size"},
          .kind = ParamKind::kLinear},
};

static constexpr auto kMoeLayer =
    join(kQwenAttention, kSharedExpert, kQwenExperts, kLlamaLayerNorms);
static constexpr auto kMoeTail = join(kLlamaNorm, kOwnHead);
static constexpr Block kMoeBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kMoeLayer, .ignored = kRotaryIgnored},
    {.params = kMoeTail},
};

static constexpr Field kFields[] = {
    {.name = "hidden_act", .type = FieldType::kString},
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "num_key_value_heads"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "rope_theta", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "dtype", .type = FieldType::kString, .otherwise = "'float32'"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Field kMoeFields[] = {
    {.name = "hidden_act", .type = FieldType::kString},
    {.name = "hidden_size"},
    {.name = "intermediate_size"},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "num_key_value_heads"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber},
    {.name = "rope_theta", .type = FieldType::kNumber},
    {.name = "vocab_size"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "dtype", .type = FieldType::kString, .otherwise = "'float32'"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "moe_intermediate_size", .otherwise = "0"},
    {.name = "shared_expert_intermediate_size", .otherwise = "0"},
    {.name = "num_experts_per_tok", .otherwise = "0"},
    {.name = "num_experts", .otherwise = "0"},
    {.name = "decoder_sparse_step", .otherwise = "0"},
    {.name = "norm_topk_prob", .type = FieldType::kBool, .otherwise = "False"},
};

static constexpr Step kSteps[] = {
    steps::kContext,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    steps::kPrefill8192,
};

// MiMo: Qwen 2 and layers that predict further tokens.
static constexpr Ignored kPrediction[] = {
    {.pattern = "model.mtp_layers.*",
     .rule = "layers that predict further tokens",
     .counted = true},
};
static constexpr Block kMimoBody[] = {
    {.params = kPlainEmbedding, .ignored = kPrediction},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kTail},
    kTiedHead,
};

static constexpr ForwardTraits kMoeForward = [] {
  ForwardTraits f = kQwenForward;
  f.mlp = {.activation = "hidden_act"};
  f.moe = kQwenMoe;
  f.moe.shared = {.gate_up = "model.layers.{i}.mlp.shared_expert.gate_up_proj",
                  .down = "model.layers.{i}.mlp.shared_expert.down_proj",
                  .activation = "hidden_act"};
  f.moe.shared_gate = "model.layers.{i}.mlp.shared_expert_gate";
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "qwen2",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .forward = &kQwenForward},
    {.model_type = "qwen2_moe",
     .config = {.fields = kMoeFields, .steps = kSteps},
     .body = kMoeBody,
     .forward = &kMoeForward},
    {.model_type = "mimo",
     .class_names = {"MiMoForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kMimoBody,
     .in_mlc_llm = false,
     .forward = &kQwenForward},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_qwen2 = kModels;

}  // namespace mlc
