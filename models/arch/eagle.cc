// EAGLE draft models for Llama: its layers without the head, and a matrix that joins the token's
// embedding with the hidden state. The first layer has no input norm.
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbedding = {
    Param{.name = "embed_tokens.weight",
          .shape = {"@vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
};

static constexpr std::array kLayer = {
    Param{.name = "layers.{i}.self_attn.qkv_proj.weight",
          .shape = {"(num_attention_heads+2*num_key_value_heads)*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"layers.{i}.self_attn.q_proj.weight", "layers.{i}.self_attn.k_proj.weight",
                      "layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"layers.{i}.mlp.gate_proj.weight", "layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .when = "i != 0"},
    Param{.name = "layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};

static constexpr std::array kTail = {
    Param{
        .name = "fc.weight", .shape = {"hidden_size", "2*hidden_size"}, .kind = ParamKind::kLinear},
    Param{.name = "fc.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias,
          .when = "bias"},
};

static constexpr Ignored kIgnored[] = {
    {.pattern = "layers.{i}.self_attn.rotary_emb.inv_freq",
     .rule = "rotary frequencies, computed from the config"},
};
static constexpr Block kBody[] = {
    {.params = kEmbedding},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer, .ignored = kIgnored},
    {.params = kTail},
};

static constexpr auto kFields = join(
    kLlamaFields, std::array{Field{.name = "bias", .type = FieldType::kBool, .otherwise = "True"}});

static constexpr Architecture kModels[] = {
    {.model_type = "eagle", .config = {.fields = kFields, .steps = kLlamaSteps}, .body = kBody},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_eagle = kModels;

}  // namespace mlc
