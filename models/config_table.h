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
};

enum class When : std::uint8_t {
  kUnset,  // 0 or null
  kNull,   // null
  kNullOrMinus1
};

struct Step {
  Verb verb = Verb::kAssert;
  std::string_view field = {};
  When when = When::kUnset;
  Texts<2> keys = {};
  Expr expression = {};
};

struct ConfigTable {
  std::span<const Field> fields = {};  // in the order of mlc-chat-config.json's model_config
  std::span<const Step> steps = {};
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

}  // namespace steps

}  // namespace mlc
