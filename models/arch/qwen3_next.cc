// Qwen 3 Next: the layers of Qwen 3.5 with its projections stored head by head, and experts. The
// params are those of Qwen 3.5.
#include "models/arch/kin_rows.h"
#include "models/arch/qwen3_5_rows.h"
#include "models/well_formed.h"

namespace mlc {

// Each key head holds its q and k, and v and z of the value heads that it serves.
static constexpr Parts kQkvz = {
    "linear_key_head_dim", "linear_key_head_dim",
    "linear_num_value_heads//linear_num_key_heads*linear_value_head_dim",
    "linear_num_value_heads//linear_num_key_heads*linear_value_head_dim"};
static constexpr Parts kBa = {"linear_num_value_heads//linear_num_key_heads",
                              "linear_num_value_heads//linear_num_key_heads"};

static constexpr std::array kInProj = {
    Param{.name = "model.layers.{i}.linear_attn.in_proj_qkv.weight",
          .shape = {"2*linear_num_key_heads*linear_key_head_dim"
                    "+linear_num_value_heads*linear_value_head_dim",
                    "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kSplitGroups,
          .args = {.heads = "linear_num_key_heads", .parts = kQkvz, .part_count = 3},
          .sources = {"{$root}layers.{i}.linear_attn.in_proj_qkvz.weight"}},
    Param{
        .name = "model.layers.{i}.linear_attn.in_proj_z.weight",
        .shape = {"linear_num_value_heads*linear_value_head_dim", "hidden_size"},
        .kind = ParamKind::kLinear,
        .op = Op::kSplitGroups,
        .args = {.heads = "linear_num_key_heads", .parts = kQkvz, .first_part = 3, .part_count = 1},
        .sources = {"{$root}layers.{i}.linear_attn.in_proj_qkvz.weight"},
        .rank = 1},
    Param{.name = "model.layers.{i}.linear_attn.in_proj_a.weight",
          .shape = {"linear_num_value_heads", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kSplitGroups,
          .args = {.heads = "linear_num_key_heads", .parts = kBa, .first_part = 1, .part_count = 1},
          .sources = {"{$root}layers.{i}.linear_attn.in_proj_ba.weight"}},
    Param{.name = "model.layers.{i}.linear_attn.in_proj_b.weight",
          .shape = {"linear_num_value_heads", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kSplitGroups,
          .args = {.heads = "linear_num_key_heads", .parts = kBa, .part_count = 1},
          .sources = {"{$root}layers.{i}.linear_attn.in_proj_ba.weight"},
          .rank = 1},
};

static constexpr auto kRecurrent = join(kInProj, kQwen35LinearAttention);
static constexpr auto kMoe = join(kQwen35Router, kQwen35Experts);
static constexpr auto kTail = join(kQwen35Norm, kPlainHead);
static constexpr Block kLayer[] = {
    {.when = kQwen35IsFull, .params = kQwen35Attention},
    {.when = kQwen35IsLinear, .params = kRecurrent},
    {.when = "i not in mlp_only_layers and num_experts > 0 and (i+1) % decoder_sparse_step == 0",
     .params = kMoe},
    {.when = "i in mlp_only_layers or num_experts == 0 or (i+1) % decoder_sparse_step != 0",
     .params = kQwen35Mlp},
    {.params = kQwen35LayerNorms},
};
static constexpr Block kBody[] = {
    {.params = kQwen35Embedding, .ignored = kQwen35LeftOut},
    {.variable = "i", .count = "num_hidden_layers", .blocks = kLayer},
    {.params = kTail},
    kTiedHead,
};

static constexpr auto kFields =
    join(kQwen35MoeFields,
         std::array{
             Field{.name = "intermediate_size", .otherwise = "5632"},
             Field{.name = "decoder_sparse_step", .otherwise = "1"},
             Field{.name = "mlp_only_layers", .type = FieldType::kList, .otherwise = "()"},
             Field{.name = "norm_topk_prob", .type = FieldType::kBool, .otherwise = "True"},
         });
static constexpr auto kSteps =
    join(kQwen35Steps,
         std::array{steps::set("mlp_only_layers", "()", When::kNull),
                    steps::check("linear_num_value_heads % linear_num_key_heads == 0"),
                    steps::check("decoder_sparse_step > 0 and full_attention_interval > 0")});
static constexpr Alias kCausal[] = {{.name = "root", .text = "model."}};

static constexpr Architecture kModels[] = {
    {.model_type = "qwen3_next",
     .class_names = {"Qwen3NextForCausalLM"},
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .aliases = kCausal,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_qwen3_next = kModels;

}  // namespace mlc
