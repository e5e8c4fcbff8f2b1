#include "genconfig/jinja/access.h"
#include "genconfig/jinja/evaluator.h"
#include "genconfig/jinja/operators.h"

namespace mlc::jinja {

Value Evaluator::look_up(std::string_view name, Scope& scope) {
  for (const Scope* s = &scope; s != nullptr; s = s->parent) {
    run_.step(1 + s->variables.size() / 8);
    if (const Value* value = s->find(name)) return *value;
  }
  Value out;
  if (find_global(run_, name, out)) return out;
  return Value::undefined(run_, fmt::format("\"{}\" is undefined", printable(name, 60)));
}

std::vector<Value> Evaluator::all_of(const Expr& expr, Scope& scope) {
  std::vector<Value> values;
  for (const ExprPtr& child : expr.children)
    values.push_back(evaluate(*child, scope));
  return values;
}

Args Evaluator::arguments(const Expr& expr, std::size_t first, Scope& scope) {
  Args args;
  for (std::size_t i = first; i < expr.children.size(); ++i)
    args.positional.push_back(evaluate(*expr.children[i], scope));
  for (const auto& [name, value] : expr.named)
    args.named.emplace_back(name, evaluate(*value, scope));
  if (expr.star)
    for (const Value& item : to_items(run_, evaluate(*expr.star, scope)))
      args.positional.push_back(item);
  if (expr.star_star) {
    const Value more = evaluate(*expr.star_star, scope);
    if (!more.is(Kind::kDict)) run_.fail("** takes a dict, not {}", type_name(more));
    for (const auto& [key, value] : more.members()) {
      if (!key.is(Kind::kString)) run_.fail("arguments are named by texts");
      args.named.emplace_back(key.text(), value);
    }
  }
  for (std::size_t i = 0; i < args.named.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (args.named[i].first == args.named[k].first)
        run_.fail("the argument \"{}\" is given twice", printable(args.named[i].first, 60));
  return args;
}

Value Evaluator::filtered(const Expr& expr, Value value, Scope& scope) {
  // The innermost filter of a block's chain has no child to apply to but the block's text.
  Run::Level level(run_);
  if (expr.children[0]) value = filtered(*expr.children[0], std::move(value), scope);
  const Args args = arguments(expr, 1, scope);
  run_.line = expr.line;
  return call_filter(run_, expr.text, value, args);
}

Value Evaluator::call(const Value& function, Args args) {
  Run::Level level(run_);
  switch (function.kind()) {
    case Kind::kMacro:
      return call_macro(function.as<MacroObject>(), std::move(args));
    case Kind::kFunction: {
      const auto& f = function.as<FunctionObject>();
      if (!f.self.is(Kind::kUndefined)) return call_method(run_, f.name, f.self, args);
      Value result = call_global(run_, f.name, args);
      if (result.is(Kind::kNamespace)) {
        run_.allocate(sizeof(NamespaceObject));
        changeable_.push_back(result.shared());
      }
      return result;
    }
    case Kind::kUndefined:
      run_.fail("{}", printable(function.text()));
    default:
      run_.fail("a value of type {} can't be called", type_name(function));
  }
}

Value Evaluator::evaluate(const Expr& expr, Scope& scope) {
  Run::Level level(run_);
  run_.step();
  run_.line = expr.line;
  switch (expr.kind) {
    case ExprKind::kConst:
      return expr.value;
    case ExprKind::kName:
      return look_up(expr.text, scope);
    case ExprKind::kTuple:
      return Value::tuple(run_, all_of(expr, scope));
    case ExprKind::kList:
      return Value::list(run_, all_of(expr, scope));
    case ExprKind::kDict: {
      Members members;
      for (std::size_t i = 0; i + 1 < expr.children.size(); i += 2) {
        Value key = evaluate(*expr.children[i], scope);
        members.emplace_back(std::move(key), evaluate(*expr.children[i + 1], scope));
      }
      return Value::dict(run_, members);
    }
    case ExprKind::kAttribute:
      return get_attribute(run_, evaluate(*expr.children[0], scope), expr.text);
    case ExprKind::kItem: {
      const Value object = evaluate(*expr.children[0], scope);
      return get_item(run_, object, evaluate(*expr.children[1], scope));
    }
    case ExprKind::kSlice: {
      const Value object = evaluate(*expr.children[0], scope);
      std::vector<Value> bounds;
      for (std::size_t i = 1; i < 4; ++i)
        bounds.push_back(expr.children[i] ? evaluate(*expr.children[i], scope) : Value::none());
      return get_slice(run_, object, bounds[0], bounds[1], bounds[2]);
    }
    case ExprKind::kCall: {
      const Value function = evaluate(*expr.children[0], scope);
      Args args = arguments(expr, 1, scope);
      run_.line = expr.line;
      return call(function, std::move(args));
    }
    case ExprKind::kFilter: {
      Value value = evaluate(*expr.children[0], scope);
      const Args args = arguments(expr, 1, scope);
      run_.line = expr.line;
      return call_filter(run_, expr.text, value, args);
    }
    case ExprKind::kTest: {
      const Value value = evaluate(*expr.children[0], scope);
      return Value::boolean(call_test(run_, expr.text, value, arguments(expr, 1, scope)));
    }
    default:
      return evaluate_operator(expr, scope);
  }
}

Value Evaluator::evaluate_operator(const Expr& expr, Scope& scope) {
  const auto child = [&](std::size_t i) { return evaluate(*expr.children[i], scope); };
  switch (expr.kind) {
    case ExprKind::kNot:
      return Value::boolean(!truth(child(0)));
    case ExprKind::kSign:
      return expr.text == "-" ? negative(run_, child(0)) : positive(run_, child(0));
    case ExprKind::kAnd: {
      Value left = child(0);
      return truth(left) ? child(1) : left;
    }
    case ExprKind::kOr: {
      Value left = child(0);
      return truth(left) ? left : child(1);
    }
    case ExprKind::kConcat:
      return joined(run_, "", all_of(expr, scope));
    case ExprKind::kCompare: {
      Value left = child(0);
      for (std::size_t i = 0; i < expr.ops.size(); ++i) {
        Value right = child(i + 1);
        if (!compare(run_, expr.ops[i], left, right)) return Value::boolean(false);
        left = std::move(right);
      }
      return Value::boolean(true);
    }
    case ExprKind::kIf:
      if (truth(child(0))) return child(1);
      if (expr.children[2]) return child(2);
      return Value::undefined(run_, "an inline if without else has no value");
    default: {  // kBinary
      const Value left = child(0);
      const Value right = child(1);
      return arithmetic(run_, expr.text, left, right);
    }
  }
}

}  // namespace mlc::jinja
