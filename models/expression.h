// An expression of an architecture table, and its value for one config (grammar: models/syntax.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/json.h"
#include "models/syntax.h"

namespace mlc {

// The text of a well-formed expression; empty means "none". Constructing one from a malformed
// literal throws, which in a constexpr table is a compile error that points at the row.
struct Expr {
  std::string_view text;

  constexpr Expr() = default;
  // Implicit, so that rows read as plain text.
  constexpr Expr(const char* source) : text(source) {  // NOLINT(google-explicit-constructor)
    if (!text.empty() && parse_expression(text).error != nullptr)
      throw "this expression of an architecture table does not parse";
  }
  constexpr bool empty() const { return text.empty(); }
};

// None, True/False, an integer, a float, text, or a list or object of the config. Text and lists
// refer to the Json or the expression they come from.
using Value =
    std::variant<std::monostate, bool, std::int64_t, double, std::string_view, const Json*>;

// Where names get their values from.
class Environment {
 public:
  virtual ~Environment() = default;
  // A name without dots; null when there is none such.
  virtual const Json* find(std::string_view name) const = 0;
};

// Names of an object, and one loop variable in front of them; scopes nest (layers, then experts).
class Scope : public Environment {
 public:
  explicit Scope(const Json& object) : object_(&object) {}
  Scope(const Environment& outer, std::string_view variable, std::int64_t value)
      : outer_(&outer), variable_(variable), value_(value) {}
  const Json* find(std::string_view name) const override;

 private:
  const Environment* outer_ = nullptr;
  const Json* object_ = nullptr;
  std::string_view variable_;
  Json value_;
};

Value value_of(const Json& json);

// Evaluates as Python does, in 64-bit integers; floats can be compared, not computed with. `and`
// and `or` stop early, so "n > 0 and i % n == 0" is safe. `x in object` asks for a key.
//
// Throws Error(kBadInput) with `where` ("config.json: model.layers.0...") in front, the expression,
// and the value of every name in it: for an unknown name, a value of the wrong kind, overflow,
// division by zero, an index outside the list, and lists of more than 4096 values.
Value evaluate(Expr expression, const Environment& environment, std::string_view where);

std::int64_t evaluate_int(Expr expression, const Environment& environment, std::string_view where);
// Python's truth: None, False, 0, "" and empty lists are false.
bool evaluate_bool(Expr expression, const Environment& environment, std::string_view where);
// For defaults and derived fields: the value as it goes into a config; () becomes [].
Json evaluate_json(Expr expression, const Environment& environment, std::string_view where);

// "num_attention_heads is 30, head_dim is 4": the names of an expression with their values, for
// messages.
std::string describe_names(Expr expression, const Environment& environment);

}  // namespace mlc
