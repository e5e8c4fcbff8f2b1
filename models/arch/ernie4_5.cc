// ERNIE 4.5: Llama's tensors, with one switch for all biases; and the models with experts in layers
// that the config counts.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr Expr kBias = "use_bias";
static constexpr auto kLayer = join(with_condition(kLlamaAttention, ".bias", kBias),
                                    with_condition(kLlamaMlp, ".bias", kBias), kLlamaLayerNorms);
static constexpr Block kBody[] = {
    {.params = kPlainEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kLlamaIgnored},
    {.params = kKinTail},
    kTiedHead,
};

static constexpr Field kUseBias = {
    .name = "use_bias", .type = FieldType::kBool, .otherwise = "False"};
static constexpr auto kFields =
    join(kKinFields, std::array{kRmsNormEps, kTiedUnlessSaid, kUseBias});

// The correction is stored as [1, experts].
static constexpr std::array kExperts = {
    Param{.name = "model.layers.{i}.mlp.gate.weight",
          .shape = {"moe_num_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .out_dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mlp.e_score_correction_bias",
          .shape = {"1", "moe_num_experts"},
          .sources = {"model.layers.{i}.mlp.moe_statics.e_score_correction_bias"},
          .when = "moe_use_aux_free",
          .dtype = DType::kF32},
    Param{.name = "model.layers.{i}.mlp.moe_gate_up_proj.weight",
          .shape = {"moe_num_experts", "2*moe_intermediate_size", "hidden_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStackOfConcat,
          .sources = {"model.layers.{i}.mlp.experts.{e}.gate_proj.weight",
                      "model.layers.{i}.mlp.experts.{e}.up_proj.weight"},
          .each = "moe_num_experts"},
    Param{.name = "model.layers.{i}.mlp.moe_down_proj.weight",
          .shape = {"moe_num_experts", "hidden_size", "moe_intermediate_size"},
          .kind = ParamKind::kExperts,
          .op = Op::kStack,
          .sources = {"model.layers.{i}.mlp.experts.{e}.down_proj.weight"},
          .each = "moe_num_experts"},
    Param{.name = "model.layers.{i}.mlp.shared_experts.gate_up_proj.weight",
          .shape = {"2*moe_intermediate_size*moe_num_shared_experts", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.layers.{i}.mlp.shared_experts.gate_proj.weight",
                      "model.layers.{i}.mlp.shared_experts.up_proj.weight"},
          .when = "moe_num_shared_experts > 0"},
    Param{.name = "model.layers.{i}.mlp.shared_experts.down_proj.weight",
          .shape = {"hidden_size", "moe_intermediate_size*moe_num_shared_experts"},
          .kind = ParamKind::kLinear,
          .when = "moe_num_shared_experts > 0"},
};

static constexpr auto kMoeLayer =
    join(with_condition(kLlamaAttention, ".bias", kBias), kLlamaLayerNorms);
static constexpr auto kDenseMlp = with_condition(kLlamaMlp, ".bias", kBias);
static constexpr Block kMlps[] = {
    {.when =
         "(i+1) % moe_layer_interval == 0 and moe_layer_start_index <= i <= moe_layer_end_index",
     .params = kExperts},
    {.when = "not ((i+1) % moe_layer_interval == 0 and moe_layer_start_index <= i <= "
             "moe_layer_end_index)",
     .params = kDenseMlp},
};
static constexpr Ignored kPrediction[] = {
    {.pattern = "model.mtp_*", .rule = "layers that predict further tokens", .counted = true},
};
static constexpr Block kMoeBody[] = {
    {.params = kPlainEmbedding, .ignored = kPrediction},
    {.variable = "i",
     .count = "num_hidden_layers",
     .params = kMoeLayer,
     .ignored = kLlamaIgnored,
     .blocks = kMlps},
    {.params = kKinTail},
    kTiedHead,
};

static constexpr auto kMoeFields =
    join(kKinFields,
         std::array{
             kRmsNormEps,
             kTiedUnlessSaid,
             kUseBias,
             Field{.name = "moe_intermediate_size"},
             Field{.name = "moe_num_experts"},
             Field{.name = "moe_num_shared_experts", .otherwise = "0"},
             Field{.name = "moe_k"},
             Field{.name = "moe_layer_start_index", .otherwise = "0"},
             Field{.name = "moe_layer_end_index", .otherwise = "-1"},
             Field{.name = "moe_layer_interval", .otherwise = "1"},
             Field{.name = "moe_use_aux_free", .type = FieldType::kBool, .otherwise = "True"},
         });

// Experts with biases have never been released; there is no place for them.
static constexpr auto kMoeSteps = join(
    kKinSteps, std::array{
                   steps::set("moe_layer_end_index", "num_hidden_layers-1", When::kNullOrMinus1),
                   steps::check("not use_bias"),
                   steps::check("moe_layer_interval > 0"),
               });

static constexpr ForwardTraits kForward = [] {
  ForwardTraits f = kKinForward;
  f.attention.rope.interleaved = true;
  return f;
}();

static constexpr Architecture kModels[] = {
    {.model_type = "ernie4_5",
     .class_names = {"Ernie4_5ForCausalLM", "Ernie4_5_ForCausalLM"},
     .config = {.fields = kFields, .steps = kKinSteps},
     .body = kBody,
     .in_mlc_llm = false,
     .forward = &kForward},
    {.model_type = "ernie4_5_moe",
     .class_names = {"Ernie4_5_MoeForCausalLM", "Ernie4_5_MoEForCausalLM"},
     .config = {.fields = kMoeFields, .steps = kMoeSteps},
     .body = kMoeBody,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_ernie4_5 = kModels;

}  // namespace mlc
