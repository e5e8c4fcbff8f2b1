// Phi 3.5 MoE: Mixtral's experts, biases in attention, norms and head.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kExperts = {
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
static constexpr std::array kHeadBias = {
    Param{.name = "lm_head.bias",
          .shape = {"vocab_size"},
          .kind = ParamKind::kLinearBias,
          .when = "lm_head_bias"},
};
static constexpr auto kLayer = join(kLlamaAttention, kExperts, kBiasedLayerNorms);
static constexpr auto kTail = join(kBiasedNorm, kPlainHead, kHeadBias);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kTail},
    kTiedHead,
};

static constexpr auto kFields = join(
    kKinFields, std::array{
                    kRmsNormEps,
                    kUntiedUnlessSaid,
                    kAttentionBias,
                    Field{.name = "lm_head_bias", .type = FieldType::kBool, .otherwise = "False"},
                    Field{.name = "num_local_experts"},
                    Field{.name = "num_experts_per_tok"},
                    Field{.name = "sliding_window", .otherwise = "None"},
                });

static constexpr Architecture kModels[] = {
    {.model_type = "phimoe",
     .class_names = {"PhiMoEForCausalLM", "PhimoeForCausalLM"},
     .config = {.fields = kFields, .steps = kKinSteps},
     .body = kBody,
     .in_mlc_llm = false,
     .note = "Phi 3.5 MoE"},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_phimoe = kModels;

}  // namespace mlc
