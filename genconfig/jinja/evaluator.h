// Runs a template's tree. Variables live in scopes that form a chain; a macro remembers the scope
// it was defined in and sees later changes there, as in Jinja.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "genconfig/jinja/ast.h"
#include "genconfig/jinja/library.h"

namespace mlc::jinja {

struct Scope {
  Scope* parent = nullptr;
  std::vector<std::pair<std::string_view, Value>> variables;  // names are the tree's
  const Value* find(std::string_view name) const;             // in this scope only
  void set(std::string_view name, Value value);
};

struct MacroObject : Object {
  const MacroDef* macro = nullptr;
  Scope* scope = nullptr;
};

class Evaluator {
 public:
  Evaluator(Run& run, const std::vector<std::pair<std::string, Value>>& context);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  std::string render(const Body& body);

 private:
  enum class Flow : std::uint8_t { kOn, kBreak, kContinue };

  // evaluator.cc
  Flow execute(const Body& body, Scope& scope, std::string& out);
  Flow execute(const Stmt& stmt, Scope& scope, std::string& out);
  Flow execute_for(const Stmt& stmt, Scope& scope, std::string& out);
  void write(std::string& out, std::string_view text);
  void assign(const Target& target, const Value& value, Scope& scope);
  Scope& new_scope(Scope* parent);
  Value new_macro(const MacroDef& macro, Scope& scope);
  Value call_macro(const MacroObject& object, Args args);

  // evaluate.cc
  Value evaluate(const Expr& expr, Scope& scope);
  Value evaluate_operator(const Expr& expr, Scope& scope);
  Value filtered(const Expr& expr, Value value, Scope& scope);
  Value look_up(std::string_view name, Scope& scope);
  Value call(const Value& function, Args args);
  Args arguments(const Expr& expr, std::size_t first, Scope& scope);
  std::vector<Value> all_of(const Expr& expr, Scope& scope);

  Run& run_;
  std::deque<Scope> scopes_;
  // Namespaces and loops: what can change, and so could hold itself. They are emptied at the end.
  std::vector<std::shared_ptr<Object>> changeable_;
};

}  // namespace mlc::jinja
