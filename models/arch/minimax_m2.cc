// MiniMax M2: Mixtral's experts with DeepSeek's correction of the router, and norms over all heads
// of q and of k.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kHeadNorms = {
    Param{.name = "model.layers.{i}.self_attn.q_norm.weight",
          .shape = {"num_attention_heads*head_dim"},
          .kind = ParamKind::kNorm,
          .when = "use_qk_norm"},
    Param{.name = "model.layers.{i}.self_attn.k_norm.weight",
          .shape = {"num_key_value_heads*head_dim"},
          .kind = ParamKind::kNorm,
          .when = "use_qk_norm"},
};
static constexpr std::array kExperts = {
    Param{.name = "model.layers.{i}.moe.gate.weight",
          .shape = {"num_local_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.layers.{i}.block_sparse_moe.gate.weight"},
          .out_dtype = DType::kF32},
    Param{.name = "model.layers.{i}.moe.e_score_correction_bias",
          .shape = {"num_local_experts"},
          .sources = {"model.layers.{i}.block_sparse_moe.e_score_correction_bias"},
          .when = "use_routing_bias",
          .dtype = DType::kF32},
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
static constexpr auto kLayer =
    join(with_condition(kLlamaAttention, ".bias", "False"), kHeadNorms, kExperts, kLlamaLayerNorms);
static constexpr Ignored kPrediction[] = {
    {.pattern = "model.layers.{num_hidden_layers+j}.*",
     .rule = "layers that predict further tokens",
     .counted = true},
};
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kKinTail},
    {.variable = "j",
     .count = "max(num_mtp_modules*mtp_transformer_layers, 1)",
     .ignored = kPrediction},
    kTiedHead,
};

static constexpr auto kFields =
    join(kKinFields,
         std::array{
             kRmsNormEps,
             kUntiedUnlessSaid,
             Field{.name = "rotary_dim", .otherwise = "0"},
             Field{.name = "use_qk_norm", .type = FieldType::kBool, .otherwise = "True"},
             Field{.name = "qk_norm_type", .type = FieldType::kString, .otherwise = "'per_layer'"},
             Field{.name = "use_routing_bias", .type = FieldType::kBool, .otherwise = "True"},
             Field{.name = "scoring_func", .type = FieldType::kString, .otherwise = "'sigmoid'"},
             Field{.name = "num_local_experts"},
             Field{.name = "num_experts_per_tok"},
             Field{.name = "num_mtp_modules", .otherwise = "0"},
             Field{.name = "mtp_transformer_layers", .otherwise = "1"},
             Field{.name = "weight_block_size", .type = FieldType::kList, .otherwise = "None"},
         });

// Norms of single heads would have another shape. A shared expert is a key of its config that no
// release uses.
static constexpr auto kSteps = join(
    std::array{
        Step{.verb = Verb::kFp8Blocks},
        steps::check("qk_norm_type == 'per_layer'"),
        steps::check("'shared_intermediate_size' not in config or "
                     "config.shared_intermediate_size == 0"),
    },
    kKinSteps, std::array{steps::set("rotary_dim", "head_dim")});

static constexpr Architecture kModels[] = {
    {.model_type = "minimax_m2",
     .class_names = {"MiniMaxM2ForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_minimax_m2 = kModels;

}  // namespace mlc
