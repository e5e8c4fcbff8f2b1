// What a config.json of one architecture holds, as data: the fields, and the steps that fill in
// those that the file leaves out. Used for params here and, run twice, for mlc-chat-config.json
// (docs/architectures.md, "Configs").
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "models/expression.h"

namespace mlc {

// Up to N texts; the rest are empty. Every element is assigned, because g++ 12 can't read elements
// left to value initialization in a constant expression.
template <std::size_t N>
class Texts {
 public:
  template <class... S>
  requires(sizeof...(S) <= N &&
           (std::convertible_to<S, std::string_view> &&
            ...)) constexpr Texts(S... texts)  // NOLINT(google-explicit-constructor)
  {
    const std::array<std::string_view, sizeof...(S)> given = {texts...};
    for (std::size_t i = 0; i < N; i++)
      texts_[i] = i < given.size() ? given[i] : std::string_view();
  }
  constexpr std::string_view operator[](std::size_t index) const { return texts_[index]; }
  constexpr std::size_t size() const { return N; }
  constexpr auto begin() const { return texts_.begin(); }
  constexpr auto end() const { return texts_.end(); }

 private:
  std::array<std::string_view, N> texts_ = {};
};

// What a field's value must be. `null` is also accepted where the field has a default.
enum class FieldType : std::uint8_t {
  kInt,     // a plain integer: no "1e9", "4096.0", "-0"
  kNumber,  // an integer or a float; kept as it is written
  kBool,
  kString,
  kObject,
  kList,
  kAny,  // passed on as it is, null included
};

struct Field {
  std::string_view name;
  FieldType type = FieldType::kInt;
  Expr otherwise = {};  // the value when the file has none; empty: the field is required
};

// The steps, in the order in which mlc_llm's __post_init__ takes them.
enum class Verb : std::uint8_t {
  // If `field` matches `when`: the value of the first of `keys` among the file's other keys (which
  // then are used up), else `expression`; an empty expression: error.
  kTake,
  kSet,     // if `field` matches `when`: field = expression
  kAssert,  // error unless the expression holds
  // The remaining steps are taken only if the expression holds.
  kStopUnless,
  // If `field` matches `when`: field = the list of `expression` for each i = 0 .. count - 1 for
  // which `filter` holds.
  kList,
  // If `field` matches `when` and the object `object` (a field, or another key of the file) has one
  // of `keys`: field = its value, which leaves the object if that is a field.
  kMember,
  // If `field` matches `when`: field = an object of all keys that are no fields and not used up.
  kRest,
  // If the object `field` has `keys[0]`, and `named` a text with that value's name: the members of
  // that text (JSON) replace and extend the object's.
  kMerge,
  kNested,  // field = the object read by the table `nested`; null stays
  kEmpty,   // field = {}
  // prefill_chunk_size: if 0 or above context_window_size, the lesser of that and `expression`.
  kPrefill,
  // prefill_chunk_size: the lesser of itself (the context if 0) and context_window_size; no cap.
  kPrefillUncapped,
  // prefill_chunk_size: if 0, the least of `expression`, and of the sliding and the context window
  // as far as they are not -1.
  kPrefillSliding,
  // context_window_size: if 0, -1 with a sliding window, else as kTake from `keys`.
  kContextUnlessSliding,
  // rope_scaling: null, or an object whose rope_type is llama3; one without rope_type is dropped.
  kRopeScalingLlama3,
  // rope_scaling: null, or an object whose type is longrope (or su, its older name), extended by
  // what the runtime needs; one without type is dropped.
  kRopeScalingLongrope,
  // weight_block_size, and modules_to_not_convert if that is a field, from the quantization_config
  // of fp8 checkpoints; `expression`: the block size where the file has none.
  kFp8Blocks,
};

enum class When : std::uint8_t {
  kUnset,  // 0 or null
  kNull,   // null
  kNullOrMinus1,
  kNullOrEmpty,  // null or []
  kAlways,
};

// The text of a JSON object, by a name.
struct NamedText {
  std::string_view name;
  std::string_view text;
};

struct ConfigTable;

struct Step {
  Verb verb = Verb::kAssert;
  std::string_view field = {};
  When when = When::kUnset;
  Texts<2> keys = {};
  Expr expression = {};
  Expr condition = {};  // the step is taken only if it holds
  bool keep = false;    // kTake: the key is not used up
  std::string_view object = {};
  Expr count = {};
  Expr filter = {};
  const ConfigTable* nested = nullptr;
  std::span<const NamedText> named = {};
};

struct ConfigTable {
  std::span<const Field> fields = {};  // in the order of mlc-chat-config.json's model_config
  std::span<const Step> steps = {};
  // The object under this key is laid over the file's top level before anything else, except for
  // the keys in `top_wins`.
  std::string_view flatten = {};
  Texts<2> top_wins = {};
};

constexpr const Field* find_field(const ConfigTable& table, std::string_view name) {
  for (const Field& field : table.fields)
    if (field.name == name) return &field;
  return nullptr;
}

// Steps that several architectures share.
namespace steps {

constexpr Step take(std::string_view field, std::string_view key, Expr otherwise) {
  return {.verb = Verb::kTake, .field = field, .keys = {key}, .expression = otherwise};
}
constexpr Step set(std::string_view field, Expr expression, When when = When::kUnset) {
  return {.verb = Verb::kSet, .field = field, .when = when, .expression = expression};
}
constexpr Step check(Expr expression) { return {.verb = Verb::kAssert, .expression = expression}; }

inline constexpr Step kRopeBase = take("position_embedding_base", "rope_theta", "10000");
inline constexpr Step kContext = {.verb = Verb::kTake,
                                  .field = "context_window_size",
                                  .keys = {"max_position_embeddings", "max_sequence_length"}};
inline constexpr Step kKeyValueHeads = set("num_key_value_heads", "num_attention_heads");
inline constexpr Step kHeadDim = set("head_dim", "hidden_size//num_attention_heads");
inline constexpr Step kHeadsFillHidden = check("head_dim*num_attention_heads == hidden_size");
inline constexpr Step kHeadsGroup = check("num_attention_heads % num_key_value_heads == 0");
inline constexpr Step kPrefill8192 = {.verb = Verb::kPrefill, .expression = "8192"};
inline constexpr Step kPrefill2048 = {.verb = Verb::kPrefill, .expression = "2048"};
inline constexpr Step kStagesFitLayers = check("0 < pipeline_parallel_stages <= num_hidden_layers");

constexpr Step nested(std::string_view field, const ConfigTable& table, Expr condition = {}) {
  return {.verb = Verb::kNested, .field = field, .condition = condition, .nested = &table};
}
// A top-level field that is not positive comes from the nested text config, if that has it.
constexpr Step inherit(std::string_view field, Expr condition, Expr expression) {
  return {.verb = Verb::kSet,
          .field = field,
          .when = When::kAlways,
          .expression = expression,
          .condition = condition};
}

}  // namespace steps

}  // namespace mlc
