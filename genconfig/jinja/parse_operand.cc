// Operands: names, literals, and what is attached to them: attributes, items, calls, filters,
// tests.
#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "genconfig/jinja/library.h"
#include "genconfig/jinja/parser.h"

namespace mlc::jinja {

ExprPtr Parser::primary() {
  const std::size_t line = current().line;
  const auto constant = [&](Value value) {
    auto expr = node(ExprKind::kConst, line);
    expr->value = std::move(value);
    return expr;
  };
  if (current().is_op("[")) return list_literal();
  if (current().is_op("{")) return dict_literal();
  if (skip_op("(")) {
    auto inside = tuple(true, false, true);
    expect_op(")");
    return inside;
  }
  if (current().kind == TokenKind::kString) {
    std::string text;
    while (current().kind == TokenKind::kString)
      text += take().text;
    return constant(Value::string(run_, std::move(text)));
  }
  if (current().kind == TokenKind::kInteger) {
    const std::string digits = take().text;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc())
      run_.fail("the number {} does not fit into 64 bits", printable(digits, 60));
    return constant(Value::integer(value));
  }
  if (current().kind == TokenKind::kFloat)
    return constant(Value::real(std::strtod(take().text.c_str(), nullptr)));
  if (current().kind != TokenKind::kName) fail_here("an expression");
  const std::string name = take().text;
  if (name == "true" || name == "True") return constant(Value::boolean(true));
  if (name == "false" || name == "False") return constant(Value::boolean(false));
  if (name == "none" || name == "None") return constant(Value::none());
  for (MacroDef* macro : macros_) {
    macro->uses_varargs = macro->uses_varargs || name == "varargs";
    macro->uses_kwargs = macro->uses_kwargs || name == "kwargs";
    macro->uses_caller = macro->uses_caller || name == "caller";
  }
  auto expr = node(ExprKind::kName, line);
  expr->text = name;
  return expr;
}

ExprPtr Parser::postfix(ExprPtr expr) {
  while (true) {
    if (current().is_op(".") || current().is_op("[")) {
      expr = subscript(std::move(expr));
    } else if (current().is_op("(")) {
      auto call = node(ExprKind::kCall, current().line);
      adopt(*call, std::move(expr));
      call_arguments(*call);
      expr = std::move(call);
    } else {
      return expr;
    }
  }
}

ExprPtr Parser::filters_and_tests(ExprPtr expr) {
  while (true) {
    if (current().is_op("|")) {
      expr = filter(std::move(expr), false);
    } else if (current().is_name("is")) {
      expr = test(std::move(expr));
    } else if (current().is_op("(")) {
      auto call = node(ExprKind::kCall, current().line);
      adopt(*call, std::move(expr));
      call_arguments(*call);
      expr = std::move(call);
    } else {
      return expr;
    }
  }
}

ExprPtr Parser::filter(ExprPtr expr, bool first_inline) {
  while (first_inline || current().is_op("|")) {
    if (!first_inline) take();
    first_inline = false;
    auto applied = node(ExprKind::kFilter, current().line);
    applied->text = expect_name("the name of a filter");
    while (skip_op("."))
      applied->text.append(1, '.').append(expect_name("the name of a filter"));
    if (conditional_ == 0 && !is_filter(applied->text))
      run_.fail("there is no filter named \"{}\"", printable(applied->text, 60));
    adopt(*applied, std::move(expr));
    if (current().is_op("(")) call_arguments(*applied);
    expr = std::move(applied);
  }
  return expr;
}

ExprPtr Parser::test(ExprPtr expr) {
  const std::size_t line = take().line;  // "is"
  const bool negated = skip_name("not");
  auto applied = node(ExprKind::kTest, line);
  applied->text = expect_name("the name of a test");
  while (skip_op("."))
    applied->text.append(1, '.').append(expect_name("the name of a test"));
  if (conditional_ == 0 && !is_test(applied->text))
    run_.fail("there is no test named \"{}\"", printable(applied->text, 60));
  adopt(*applied, std::move(expr));
  const TokenKind kind = current().kind;
  const bool literal =
      kind == TokenKind::kString || kind == TokenKind::kInteger || kind == TokenKind::kFloat;
  if (current().is_op("(")) {
    call_arguments(*applied);
  } else if (literal || current().is_op("[") || current().is_op("{") ||
             (kind == TokenKind::kName && !at_name({"else", "or", "and"}))) {
    if (current().is_name("is")) run_.fail("several tests with \"is\" can't follow each other");
    adopt(*applied, postfix(primary()));
  }
  if (!negated) return applied;
  auto inverse = node(ExprKind::kNot, line);
  adopt(*inverse, std::move(applied));
  return inverse;
}

ExprPtr Parser::subscript(ExprPtr object) {
  const Token open = take();
  if (open.text == ".") {
    if (current().kind == TokenKind::kInteger) {
      auto expr = node(ExprKind::kItem, open.line);
      adopt(*expr, std::move(object));
      adopt(*expr, primary());
      return expr;
    }
    auto expr = node(ExprKind::kAttribute, open.line);
    expr->text = expect_name("the name of an attribute");
    adopt(*expr, std::move(object));
    return expr;
  }
  const auto part = [this]() -> ExprPtr {
    return current().is_op(":") || current().is_op("]") ? nullptr : expression();
  };
  auto expr = node(ExprKind::kItem, open.line);
  adopt(*expr, std::move(object));
  ExprPtr first = part();
  if (!current().is_op(":")) {
    if (current().is_op(",")) run_.fail("an index of several values is not supported");
    if (!first) fail_here("an index");
    adopt(*expr, std::move(first));
  } else {
    expr->kind = ExprKind::kSlice;
    adopt(*expr, std::move(first));
    take();
    adopt(*expr, part());
    adopt(*expr, skip_op(":") ? part() : nullptr);
  }
  expect_op("]");
  return expr;
}

ExprPtr Parser::list_literal() {
  auto expr = node(ExprKind::kList, take().line);
  while (!current().is_op("]")) {
    if (!expr->children.empty()) expect_op(",");
    if (current().is_op("]")) break;
    adopt(*expr, expression());
  }
  take();
  return expr;
}

ExprPtr Parser::dict_literal() {
  auto expr = node(ExprKind::kDict, take().line);
  while (!current().is_op("}")) {
    if (!expr->children.empty()) expect_op(",");
    if (current().is_op("}")) break;
    adopt(*expr, expression());
    expect_op(":");
    adopt(*expr, expression());
  }
  take();
  return expr;
}

void Parser::call_arguments(Expr& call) {
  take();  // "("
  const auto deepen = [&](const ExprPtr& child) {
    call.depth = std::max(call.depth, child->depth + 1);
  };
  bool comma = false;
  while (!current().is_op(")")) {
    if (comma) {
      expect_op(",");
      if (current().is_op(")")) break;
    }
    comma = true;
    const bool stars = call.star || call.star_star;
    if (current().is_op("*") && !stars) {
      take();
      deepen(call.star = expression());
    } else if (current().is_op("**") && !call.star_star) {
      take();
      deepen(call.star_star = expression());
    } else if (current().kind == TokenKind::kName && ahead().is_op("=") && !call.star_star) {
      std::string name = take().text;
      take();
      call.named.emplace_back(std::move(name), expression());
      deepen(call.named.back().second);
    } else {
      if (stars || !call.named.empty())
        run_.fail("an argument without a name follows one with a name");
      adopt(call, expression());
    }
  }
  take();
}

}  // namespace mlc::jinja
