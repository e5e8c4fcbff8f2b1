#include "genconfig/jinja/evaluator.h"

#include <algorithm>

#include "genconfig/jinja/access.h"

namespace mlc::jinja {

const Value* Scope::find(std::string_view name) const {
  for (const auto& [key, value] : variables)
    if (key == name) return &value;
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  for (auto& [key, old] : variables)
    if (key == name) {
      old = std::move(value);
      return;
    }
  variables.emplace_back(name, std::move(value));
}

Evaluator::Evaluator(Run& run, const std::vector<std::pair<std::string, Value>>& context)
    : run_(run) {
  Scope& scope = new_scope(nullptr);
  for (const auto& [name, value] : context)
    scope.set(name, value);
}

Evaluator::~Evaluator() {
  for (const auto& object : changeable_) {
    if (auto* ns = dynamic_cast<NamespaceObject*>(object.get())) ns->attributes.clear();
    if (auto* loop = dynamic_cast<LoopObject*>(object.get())) loop->changed = Value();
  }
}

Scope& Evaluator::new_scope(Scope* parent) {
  run_.allocate(sizeof(Scope) + 64);
  Scope& scope = scopes_.emplace_back();
  scope.parent = parent;
  return scope;
}

std::string Evaluator::render(const Body& body) {
  std::string out;
  // The context is one scope, the template's own variables are the next.
  execute(body, new_scope(&scopes_.front()), out);
  return out;
}

void Evaluator::write(std::string& out, std::string_view text) {
  if (out.size() + text.size() > run_.limits().max_output)
    run_.exceed(fmt::format("the text is larger than {} bytes", run_.limits().max_output));
  run_.allocate(text.size());
  out += text;
}

Evaluator::Flow Evaluator::execute(const Body& body, Scope& scope, std::string& out) {
  for (const Stmt& stmt : body) {
    const Flow flow = execute(stmt, scope, out);
    if (flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute(const Stmt& stmt, Scope& scope, std::string& out) {
  Run::Level level(run_);
  run_.line = stmt.line;
  run_.step();
  switch (stmt.kind) {
    case StmtKind::kData:
      write(out, stmt.text);
      return Flow::kOn;
    case StmtKind::kPrint:
      write(out, to_text(run_, evaluate(*stmt.exprs[0], scope)));
      return Flow::kOn;
    case StmtKind::kIf:
      for (std::size_t i = 0; i < stmt.exprs.size(); ++i)
        if (truth(evaluate(*stmt.exprs[i], scope))) return execute(stmt.bodies[i], scope, out);
      if (stmt.bodies.size() > stmt.exprs.size()) return execute(stmt.bodies.back(), scope, out);
      return Flow::kOn;
    case StmtKind::kFor:
      return execute_for(stmt, scope, out);
    case StmtKind::kSet:
      assign(stmt.targets[0], evaluate(*stmt.exprs[0], scope), scope);
      return Flow::kOn;
    case StmtKind::kSetBlock: {
      std::string text;
      const Flow flow = execute(stmt.bodies[0], new_scope(&scope), text);
      if (flow != Flow::kOn) return flow;
      Value value = Value::string(run_, std::move(text));
      if (stmt.exprs[0]) value = filtered(*stmt.exprs[0], std::move(value), scope);
      assign(stmt.targets[0], value, scope);
      return Flow::kOn;
    }
    case StmtKind::kMacro:
      scope.set(stmt.macro->name, new_macro(*stmt.macro, scope));
      return Flow::kOn;
    case StmtKind::kCallBlock: {
      const Expr& expr = *stmt.exprs[0];
      const Value function = evaluate(*expr.children[0], scope);
      Args args = arguments(expr, 1, scope);
      args.named.emplace_back("caller", new_macro(*stmt.macro, scope));
      write(out, to_text(run_, call(function, std::move(args))));
      return Flow::kOn;
    }
    case StmtKind::kFilterBlock: {
      std::string text;
      const Flow flow = execute(stmt.bodies[0], new_scope(&scope), text);
      if (flow != Flow::kOn) return flow;
      write(out,
            to_text(run_, filtered(*stmt.exprs[0], Value::string(run_, std::move(text)), scope)));
      return Flow::kOn;
    }
    case StmtKind::kWith: {
      Scope& inner = new_scope(&scope);
      for (std::size_t i = 0; i < stmt.targets.size(); ++i)
        assign(stmt.targets[i], evaluate(*stmt.exprs[i], scope), inner);
      return execute(stmt.bodies[0], inner, out);
    }
    case StmtKind::kScope:
      return execute(stmt.bodies[0], new_scope(&scope), out);
    case StmtKind::kBreak:
      return Flow::kBreak;
    case StmtKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute_for(const Stmt& stmt, Scope& scope, std::string& out) {
  auto items = to_items(run_, evaluate(*stmt.exprs[0], scope));
  if (stmt.exprs[1]) {
    std::vector<Value> chosen;
    for (Value& item : items) {
      Scope& inner = new_scope(&scope);
      assign(stmt.targets[0], item, inner);
      if (truth(evaluate(*stmt.exprs[1], inner))) chosen.push_back(std::move(item));
    }
    items = std::move(chosen);
  }
  auto loop = std::make_shared<LoopObject>();
  loop->items = items;
  run_.allocate(sizeof(LoopObject) + 16);
  changeable_.push_back(loop);
  // Jinja runs the else also after loops of which no pass reached the end of the body.
  bool otherwise = true;
  for (std::size_t i = 0; i < items.size(); ++i) {
    run_.step();
    loop->index = i;
    Scope& inner = new_scope(&scope);
    inner.set("loop", Value::object(Kind::kLoop, loop));
    assign(stmt.targets[0], items[i], inner);
    const Flow flow = execute(stmt.bodies[0], inner, out);
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kOn) otherwise = false;
  }
  return otherwise ? execute(stmt.bodies[1], new_scope(&scope), out) : Flow::kOn;
}

void Evaluator::assign(const Target& target, const Value& value, Scope& scope) {
  run_.step();
  if (target.is_tuple) {
    const auto items = to_items(run_, value);
    if (items.size() != target.parts.size())
      run_.fail("{} values can't be assigned to {} names", items.size(), target.parts.size());
    for (std::size_t i = 0; i < items.size(); ++i)
      assign(target.parts[i], items[i], scope);
    return;
  }
  if (target.attribute.empty()) return scope.set(target.name, value);
  const Value ns = look_up(target.name, scope);
  if (!ns.is(Kind::kNamespace))
    run_.fail("attributes are set on a namespace only, and {} is none", printable(target.name, 60));
  run_.allocate(sizeof(Value) + target.attribute.size());
  auto& attributes = ns.as<NamespaceObject>().attributes;
  const auto at = std::find_if(attributes.begin(), attributes.end(),
                               [&](const auto& a) { return a.first == target.attribute; });
  if (at != attributes.end()) {
    at->second = value;
  } else {
    attributes.emplace_back(target.attribute, value);
  }
}

Value Evaluator::new_macro(const MacroDef& macro, Scope& scope) {
  run_.allocate(sizeof(MacroObject) + 32);
  auto object = std::make_shared<MacroObject>();
  object->macro = &macro;
  object->scope = &scope;
  return Value::object(Kind::kMacro, std::move(object));
}

Value Evaluator::call_macro(const MacroObject& object, Args args) {
  const MacroDef& macro = *object.macro;
  const std::string shown = printable(macro.name, 60);
  Scope& scope = new_scope(object.scope);
  const std::size_t n = macro.parameters.size();
  const auto take_named = [&args](std::string_view name, Value& out) {
    const auto at = std::find_if(args.named.begin(), args.named.end(),
                                 [&](const auto& a) { return a.first == name; });
    if (at == args.named.end()) return false;
    out = std::move(at->second);
    args.named.erase(at);
    return true;
  };
  std::vector<bool> given(n, false);
  for (std::size_t i = 0; i < n; ++i) {
    Value value;
    if (i < args.positional.size()) {
      value = args.positional[i];
    } else if (!take_named(macro.parameters[i], value)) {
      continue;
    }
    given[i] = true;
    scope.set(macro.parameters[i], std::move(value));
  }
  Value value;
  if (macro.uses_caller && std::find(macro.parameters.begin(), macro.parameters.end(), "caller") ==
                               macro.parameters.end())
    scope.set("caller",
              take_named("caller", value) ? value : Value::undefined(run_, "there is no caller"));
  if (macro.uses_kwargs) {
    Members members;
    for (auto& [name, v] : args.named)
      members.emplace_back(Value::string(run_, name), std::move(v));
    scope.set("kwargs", Value::dict(run_, members));
  } else if (!args.named.empty()) {
    run_.fail("macro {} has no parameter \"{}\"", shown, printable(args.named[0].first, 60));
  }
  if (macro.uses_varargs) {
    const auto used = static_cast<std::ptrdiff_t>(std::min(n, args.positional.size()));
    scope.set("varargs",
              Value::tuple(run_, {args.positional.begin() + used, args.positional.end()}));
  } else if (args.positional.size() > n) {
    run_.fail("macro {} takes at most {} arguments, {} are given", shown, n,
              args.positional.size());
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (given[i]) continue;
    const std::size_t first_default = n - macro.defaults.size();
    scope.set(macro.parameters[i],
              i >= first_default ? evaluate(*macro.defaults[i - first_default], scope)
                                 : Value::undefined(run_, fmt::format("parameter {} was not given",
                                                                      macro.parameters[i])));
  }
  std::string text;
  const std::size_t line = run_.line;
  execute(macro.body, scope, text);
  run_.line = line;
  return Value::string(run_, std::move(text));
}

}  // namespace mlc::jinja
