// What architectures without a model library share beyond the rows of Llama: their config fields,
// and a way to put other conditions on rows that exist.
#pragma once

#include <array>
#include <string_view>

#include "models/arch/llama_rows.h"

namespace mlc {

// The rows, with `when` as the condition of those whose names end in `name_end`: releases differ in
// the config key that switches a bias on.
template <std::size_t N>
constexpr std::array<Param, N> with_condition(std::array<Param, N> rows, std::string_view name_end,
                                              Expr when) {
  for (Param& row : rows)
    if (row.name.ends_with(name_end)) row.when = when;
  return rows;
}

// rope_scaling and rope_parameters (its name since transformers 5) are passed on as they are: which
// kinds of them a library will know is not settled.
inline constexpr std::array kKinFields = {
    Field{.name = "hidden_size"},
    Field{.name = "intermediate_size"},
    Field{.name = "num_attention_heads"},
    Field{.name = "num_hidden_layers"},
    Field{.name = "vocab_size"},
    Field{.name = "position_embedding_base", .type = FieldType::kNumber, .otherwise = "0"},
    Field{.name = "rope_scaling", .type = FieldType::kAny, .otherwise = "None"},
    Field{.name = "rope_parameters", .type = FieldType::kAny, .otherwise = "None"},
    Field{.name = "context_window_size", .otherwise = "0"},
    Field{.name = "prefill_chunk_size", .otherwise = "0"},
    Field{.name = "num_key_value_heads", .otherwise = "0"},
    Field{.name = "head_dim", .otherwise = "0"},
    Field{.name = "tensor_parallel_shards", .otherwise = "1"},
    Field{.name = "pipeline_parallel_stages", .otherwise = "1"},
    Field{.name = "max_batch_size", .otherwise = "1"},
};

inline constexpr Field kRmsNormEps = {.name = "rms_norm_eps", .type = FieldType::kNumber};
inline constexpr Field kAttentionBias = {
    .name = "attention_bias", .type = FieldType::kBool, .otherwise = "False"};
inline constexpr Field kMlpBias = {
    .name = "mlp_bias", .type = FieldType::kBool, .otherwise = "False"};
// What a file means that says nothing is the default of the model's class in transformers, which
// leaves out what equals it.
inline constexpr Field kTiedUnlessSaid = {
    .name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "True"};
inline constexpr Field kUntiedUnlessSaid = {
    .name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"};

// The base of the rotations: beside rope_parameters in older files, inside it in newer ones.
inline constexpr Step kMemberRopeBase = {.verb = Verb::kMember,
                                         .field = "position_embedding_base",
                                         .keys = {"rope_theta"},
                                         .condition = "rope_parameters is not None",
                                         .object = "rope_parameters"};

inline constexpr std::array kKinSteps = {
    kMemberRopeBase,       steps::kRopeBase, steps::kContext,    steps::kStagesFitLayers,
    steps::kKeyValueHeads, steps::kHeadDim,  steps::kHeadsGroup, steps::kPrefill8192,
};

// What llama computes, with the names of the rope that these configs have.
inline constexpr ForwardTraits kKinForward = [] {
  ForwardTraits f = kLlamaForward;
  f.attention.rope.scaling = "rope_scaling or rope_parameters";
  return f;
}();

inline constexpr auto kKinTail = join(kLlamaNorm, kPlainHead);

}  // namespace mlc
