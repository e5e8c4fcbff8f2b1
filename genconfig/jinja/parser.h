// Tokens to a tree: a recursive descent that follows Jinja's grammar, with its precedences.
#pragma once

#include <string_view>
#include <vector>

#include "genconfig/jinja/ast.h"
#include "genconfig/jinja/lexer.h"

namespace mlc::jinja {

class Parser {
 public:
  Parser(Run& run, std::vector<Token> tokens) : run_(run), tokens_(std::move(tokens)) {}
  Body parse();

 private:
  // parser.cc: statements
  Body statements(std::initializer_list<std::string_view> ends);
  Body block(std::initializer_list<std::string_view> ends);  // after "%}" of the opening tag
  Stmt statement();
  Stmt parse_if();
  Stmt parse_for();
  Stmt parse_set();
  Stmt parse_macro();
  Stmt parse_call();
  Stmt parse_filter_block();
  Stmt parse_with();
  Stmt parse_generation();
  Stmt parse_jump(StmtKind kind);
  void signature(MacroDef& macro);
  Target target(bool with_namespace, bool until_in);
  Target to_target(const Expr& expr);

  // parse_expression.cc: operators
  ExprPtr expression(bool with_condition = true);
  ExprPtr tuple(bool with_condition, bool until_recursive = false, bool parentheses = false);
  ExprPtr or_expr();
  ExprPtr and_expr();
  ExprPtr not_expr();
  ExprPtr compare_expr();
  ExprPtr sum_expr();
  ExprPtr concat_expr();
  ExprPtr product_expr();
  ExprPtr power_expr();
  ExprPtr unary(bool with_filters = true);

  // parse_operand.cc
  ExprPtr primary();
  ExprPtr postfix(ExprPtr expr);
  ExprPtr filters_and_tests(ExprPtr expr);
  ExprPtr filter(ExprPtr expr, bool first_inline);
  ExprPtr test(ExprPtr expr);
  ExprPtr subscript(ExprPtr object);
  ExprPtr list_literal();
  ExprPtr dict_literal();
  void call_arguments(Expr& call);
  // parse_expression.cc
  ExprPtr node(ExprKind kind, std::size_t line);
  void adopt(Expr& parent, ExprPtr child);  // keeps track of depths
  ExprPtr binary(ExprKind kind, std::string op, ExprPtr left, ExprPtr right);

  // The token stream.
  const Token& current() const { return tokens_[pos_]; }
  const Token& ahead() const { return tokens_[pos_ + 1 < tokens_.size() ? pos_ + 1 : pos_]; }
  Token take();
  bool skip_name(std::string_view name);
  bool skip_op(std::string_view op);
  void expect_op(std::string_view op);
  void expect(TokenKind kind, std::string_view what);
  std::string expect_name(std::string_view what);
  bool at_name(std::initializer_list<std::string_view> names) const;
  [[noreturn]] void fail_here(std::string_view expected);

  // Recursion of the source's brackets and blocks.
  class Nesting {
   public:
    explicit Nesting(Parser& parser);
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Parser& parser_;
  };

  Run& run_;
  std::vector<Token> tokens_;
  std::size_t pos_ = 0;
  std::uint32_t nesting_ = 0;
  std::uint32_t loops_ = 0;        // around this place within its macro
  std::uint32_t conditional_ = 0;  // inside "if": unknown filters fail only when they are used
  std::vector<MacroDef*> macros_;
};

}  // namespace mlc::jinja
