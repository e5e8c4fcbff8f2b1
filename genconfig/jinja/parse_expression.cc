// Operators, from the loosest binding to the tightest.
#include <algorithm>

#include "genconfig/jinja/parser.h"

namespace mlc::jinja {
namespace {

// a + b + c ... makes a tree as deep as it is long.
constexpr std::uint32_t kMaxDepth = 400;

}  // namespace

ExprPtr Parser::node(ExprKind kind, std::size_t line) {
  run_.step();
  auto expr = std::make_unique<Expr>();
  expr->kind = kind;
  expr->line = line;
  return expr;
}

void Parser::adopt(Expr& parent, ExprPtr child) {
  if (child) {
    parent.depth = std::max(parent.depth, child->depth + 1);
    if (parent.depth > kMaxDepth)
      run_.exceed(fmt::format("an expression has more than {} levels", kMaxDepth));
  }
  parent.children.push_back(std::move(child));
}

ExprPtr Parser::binary(ExprKind kind, std::string op, ExprPtr left, ExprPtr right) {
  auto expr = node(kind, left->line);
  expr->text = std::move(op);
  adopt(*expr, std::move(left));
  adopt(*expr, std::move(right));
  return expr;
}

ExprPtr Parser::expression(bool with_condition) {
  Nesting nesting(*this);
  auto first = or_expr();
  while (with_condition && skip_name("if")) {
    auto expr = node(ExprKind::kIf, first->line);
    ++conditional_;
    adopt(*expr, or_expr());
    adopt(*expr, std::move(first));
    adopt(*expr, skip_name("else") ? expression() : nullptr);
    --conditional_;
    first = std::move(expr);
  }
  return first;
}

// One expression, or several with commas.
ExprPtr Parser::tuple(bool with_condition, bool until_recursive, bool parentheses) {
  auto all = node(ExprKind::kTuple, current().line);
  bool comma = false;
  while (true) {
    const bool end = current().kind == TokenKind::kVariableEnd ||
                     current().kind == TokenKind::kBlockEnd || current().is_op(")") ||
                     (until_recursive && current().is_name("recursive"));
    if (end) break;
    adopt(*all, expression(with_condition));
    if (!skip_op(",")) break;
    comma = true;
  }
  if (comma) return all;
  if (all->children.empty()) {
    if (!parentheses) fail_here("an expression");
    return all;
  }
  return std::move(all->children[0]);
}

ExprPtr Parser::or_expr() {
  auto left = and_expr();
  while (skip_name("or"))
    left = binary(ExprKind::kOr, "or", std::move(left), and_expr());
  return left;
}

ExprPtr Parser::and_expr() {
  auto left = not_expr();
  while (skip_name("and"))
    left = binary(ExprKind::kAnd, "and", std::move(left), not_expr());
  return left;
}

ExprPtr Parser::not_expr() {
  if (!current().is_name("not")) return compare_expr();
  Nesting nesting(*this);
  auto expr = node(ExprKind::kNot, take().line);
  adopt(*expr, not_expr());
  return expr;
}

ExprPtr Parser::compare_expr() {
  ExprPtr expr = sum_expr();
  bool is_chain = false;
  while (true) {
    std::string_view op;
    for (std::string_view each : {"==", "!=", "<=", ">=", "<", ">"})
      if (current().is_op(each)) op = each;
    if (!op.empty()) {
      take();
    } else if (skip_name("in")) {
      op = "in";
    } else if (current().is_name("not") && ahead().is_name("in")) {
      take();
      take();
      op = "not in";
    } else {
      return expr;
    }
    if (!is_chain) {
      ExprPtr chain = node(ExprKind::kCompare, expr->line);
      adopt(*chain, std::move(expr));
      expr = std::move(chain);
      is_chain = true;
    }
    expr->ops.emplace_back(op);
    adopt(*expr, sum_expr());
  }
}

ExprPtr Parser::sum_expr() {
  auto left = concat_expr();
  while (current().is_op("+") || current().is_op("-")) {
    std::string op = take().text;
    left = binary(ExprKind::kBinary, std::move(op), std::move(left), concat_expr());
  }
  return left;
}

ExprPtr Parser::concat_expr() {
  auto first = product_expr();
  if (!current().is_op("~")) return first;
  auto expr = node(ExprKind::kConcat, first->line);
  adopt(*expr, std::move(first));
  while (skip_op("~"))
    adopt(*expr, product_expr());
  return expr;
}

ExprPtr Parser::product_expr() {
  auto left = power_expr();
  while (current().is_op("*") || current().is_op("/") || current().is_op("//") ||
         current().is_op("%")) {
    std::string op = take().text;
    left = binary(ExprKind::kBinary, std::move(op), std::move(left), power_expr());
  }
  return left;
}

ExprPtr Parser::power_expr() {
  auto left = unary();
  while (skip_op("**"))
    left = binary(ExprKind::kBinary, "**", std::move(left), unary());
  return left;
}

ExprPtr Parser::unary(bool with_filters) {
  Nesting nesting(*this);
  ExprPtr expr;
  if (current().is_op("-") || current().is_op("+")) {
    const Token sign = take();
    expr = node(ExprKind::kSign, sign.line);
    expr->text = sign.text;
    adopt(*expr, unary(false));
  } else {
    expr = primary();
  }
  expr = postfix(std::move(expr));
  return with_filters ? filters_and_tests(std::move(expr)) : std::move(expr);
}

}  // namespace mlc::jinja
