#include "genconfig/jinja/parser.h"

#include <algorithm>
#include <array>

namespace mlc::jinja {
namespace {

std::string shown(const Token& token) {
  switch (token.kind) {
    case TokenKind::kBlockEnd:
      return "\"%}\"";
    case TokenKind::kVariableEnd:
      return "\"}}\"";
    case TokenKind::kBlockBegin:
      return "\"{%\"";
    case TokenKind::kVariableBegin:
      return "\"{{\"";
    case TokenKind::kData:
      return "text";
    case TokenKind::kEnd:
      return "the end of the template";
    default:
      return fmt::format("\"{}\"", printable(token.text, 60));
  }
}

bool is_constant(std::string_view name) {
  return name == "true" || name == "false" || name == "none" || name == "True" || name == "False" ||
         name == "None";
}

}  // namespace

Parser::Nesting::Nesting(Parser& parser) : parser_(parser) {
  if (++parser_.nesting_ > parser_.run_.limits().max_nesting) {
    --parser_.nesting_;
    parser_.run_.exceed(fmt::format("brackets and blocks nest deeper than {} levels",
                                    parser_.run_.limits().max_nesting));
  }
}

Token Parser::take() {
  Token token = tokens_[pos_];
  if (pos_ + 1 < tokens_.size()) ++pos_;
  run_.line = tokens_[pos_].line;
  return token;
}

bool Parser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  take();
  return true;
}

bool Parser::skip_op(std::string_view op) {
  if (!current().is_op(op)) return false;
  take();
  return true;
}

void Parser::expect_op(std::string_view op) {
  if (!skip_op(op)) fail_here(fmt::format("\"{}\"", op));
}

void Parser::expect(TokenKind kind, std::string_view what) {
  if (current().kind != kind) fail_here(what);
  take();
}

std::string Parser::expect_name(std::string_view what) {
  if (current().kind != TokenKind::kName) fail_here(what);
  return take().text;
}

bool Parser::at_name(std::initializer_list<std::string_view> names) const {
  return std::any_of(names.begin(), names.end(),
                     [this](auto name) { return current().is_name(name); });
}

void Parser::fail_here(std::string_view expected) {
  run_.line = current().line;
  run_.fail("expected {}, found {}", expected, shown(current()));
}

Body Parser::parse() { return statements({}); }

// Up to a tag that is one of `ends`, or the end of the template; the tag's name is current then.
Body Parser::statements(std::initializer_list<std::string_view> ends) {
  Nesting nesting(*this);
  Body body;
  while (true) {
    run_.line = current().line;
    run_.step();
    Stmt s;
    s.line = current().line;
    switch (current().kind) {
      case TokenKind::kEnd:
        if (ends.size() != 0) fail_here(fmt::format("{{% {} %}}", *ends.begin()));
        return body;
      case TokenKind::kData:
        s.text = take().text;
        break;
      case TokenKind::kVariableBegin:
        take();
        s.kind = StmtKind::kPrint;
        s.exprs.push_back(tuple(true));
        expect(TokenKind::kVariableEnd, "\"}}\"");
        break;
      default:
        expect(TokenKind::kBlockBegin, "a tag");
        if (at_name(ends)) return body;
        s = statement();
        expect(TokenKind::kBlockEnd, "\"%}\"");
    }
    body.push_back(std::move(s));
  }
}

Body Parser::block(std::initializer_list<std::string_view> ends) {
  skip_op(":");
  expect(TokenKind::kBlockEnd, "\"%}\"");
  return statements(ends);
}

Stmt Parser::statement() {
  struct Tag {
    std::string_view name;
    Stmt (Parser::*parse)();
  };
  static constexpr std::array kTags = {
      Tag{"if", &Parser::parse_if},     Tag{"for", &Parser::parse_for},
      Tag{"set", &Parser::parse_set},   Tag{"macro", &Parser::parse_macro},
      Tag{"call", &Parser::parse_call}, Tag{"filter", &Parser::parse_filter_block},
      Tag{"with", &Parser::parse_with}, Tag{"generation", &Parser::parse_generation},
  };
  static constexpr std::array kRefused = {"include",    "import", "from",  "extends", "block",
                                          "autoescape", "do",     "print", "trans"};
  const std::size_t line = current().line;
  if (current().kind != TokenKind::kName) fail_here("the name of a tag");
  const std::string name = take().text;
  const auto done = [line](Stmt s) {
    s.line = line;
    return s;
  };
  for (const Tag& tag : kTags)
    if (tag.name == name) return done((this->*tag.parse)());
  if (name == "break") return done(parse_jump(StmtKind::kBreak));
  if (name == "continue") return done(parse_jump(StmtKind::kContinue));
  run_.line = line;
  if (std::find(kRefused.begin(), kRefused.end(), name) != kRefused.end())
    run_.fail("the tag \"{}\" is not supported: a chat template stands alone", name);
  run_.fail("unknown tag \"{}\"", printable(name, 60));
}

Stmt Parser::parse_jump(StmtKind kind) {
  if (loops_ == 0) run_.fail("break and continue stand only within a loop");
  Stmt s;
  s.kind = kind;
  return s;
}

Stmt Parser::parse_if() {
  Stmt s;
  s.kind = StmtKind::kIf;
  ++conditional_;
  while (true) {
    s.exprs.push_back(tuple(false));
    s.bodies.push_back(block({"endif", "elif", "else"}));
    if (skip_name("elif")) continue;
    if (skip_name("else")) s.bodies.push_back(block({"endif"}));
    take();  // endif
    break;
  }
  --conditional_;
  return s;
}

Stmt Parser::parse_for() {
  Stmt s;
  s.kind = StmtKind::kFor;
  s.targets.push_back(target(false, true));
  if (!skip_name("in")) fail_here("\"in\"");
  s.exprs.push_back(tuple(false, true));
  s.exprs.push_back(skip_name("if") ? expression() : nullptr);
  if (current().is_name("recursive")) run_.fail("recursive loops are not supported");
  ++loops_;
  s.bodies.push_back(block({"endfor", "else"}));
  --loops_;
  s.bodies.emplace_back();
  if (skip_name("else")) s.bodies[1] = block({"endfor"});
  take();  // endfor
  return s;
}

Stmt Parser::parse_set() {
  Stmt s;
  s.targets.push_back(target(true, false));
  if (skip_op("=")) {
    s.kind = StmtKind::kSet;
    s.exprs.push_back(tuple(true));
    return s;
  }
  s.kind = StmtKind::kSetBlock;
  s.exprs.push_back(current().is_op("|") ? filter(nullptr, false) : nullptr);
  s.bodies.push_back(block({"endset"}));
  take();
  return s;
}

void Parser::signature(MacroDef& macro) {
  expect_op("(");
  while (!current().is_op(")")) {
    if (!macro.parameters.empty()) expect_op(",");
    const std::string name = expect_name("the name of a parameter");
    if (is_constant(name)) run_.fail("{} can't be a parameter", name);
    if (skip_op("=")) {
      macro.defaults.push_back(expression());
    } else if (!macro.defaults.empty()) {
      run_.fail("parameter {} without a default follows one with a default", printable(name, 60));
    }
    macro.parameters.push_back(name);
  }
  expect_op(")");
}

Stmt Parser::parse_macro() {
  Stmt s;
  s.kind = StmtKind::kMacro;
  s.macro = std::make_unique<MacroDef>();
  s.macro->name = expect_name("the name of a macro");
  if (is_constant(s.macro->name)) run_.fail("{} can't be a macro", s.macro->name);
  macros_.push_back(s.macro.get());
  signature(*s.macro);
  const std::uint32_t loops = std::exchange(loops_, 0);
  s.macro->body = block({"endmacro"});
  loops_ = loops;
  macros_.pop_back();
  take();
  return s;
}

Stmt Parser::parse_call() {
  Stmt s;
  s.kind = StmtKind::kCallBlock;
  s.macro = std::make_unique<MacroDef>();
  s.macro->name = "caller";
  if (current().is_op("(")) signature(*s.macro);
  s.exprs.push_back(expression());
  if (s.exprs[0]->kind != ExprKind::kCall) run_.fail("the tag \"call\" needs a call");
  macros_.push_back(s.macro.get());
  const std::uint32_t loops = std::exchange(loops_, 0);
  s.macro->body = block({"endcall"});
  loops_ = loops;
  macros_.pop_back();
  take();
  return s;
}

Stmt Parser::parse_filter_block() {
  Stmt s;
  s.kind = StmtKind::kFilterBlock;
  s.exprs.push_back(filter(nullptr, true));
  s.bodies.push_back(block({"endfilter"}));
  take();
  return s;
}

Stmt Parser::parse_with() {
  Stmt s;
  s.kind = StmtKind::kWith;
  while (current().kind != TokenKind::kBlockEnd && !current().is_op(":")) {
    if (!s.targets.empty()) expect_op(",");
    s.targets.push_back(target(false, false));
    expect_op("=");
    s.exprs.push_back(expression());
  }
  s.bodies.push_back(block({"endwith"}));
  take();
  return s;
}

// transformers marks what an assistant writes by this tag; the text stays.
Stmt Parser::parse_generation() {
  Stmt s;
  s.kind = StmtKind::kScope;
  s.bodies.push_back(block({"endgeneration"}));
  take();
  return s;
}

Target Parser::target(bool with_namespace, bool until_in) {
  if (with_namespace && current().kind == TokenKind::kName && ahead().is_op(".")) {
    Target t;
    t.name = take().text;
    take();
    t.attribute = expect_name("the name of an attribute");
    return t;
  }
  std::vector<Target> parts;
  bool comma = false;
  while (true) {
    const bool end =
        current().kind == TokenKind::kBlockEnd || (until_in && current().is_name("in"));
    if (comma && end) break;
    parts.push_back(to_target(*primary()));
    if (!skip_op(",")) break;
    comma = true;
  }
  if (!comma) return std::move(parts[0]);
  Target t;
  t.is_tuple = true;
  t.parts = std::move(parts);
  return t;
}

Target Parser::to_target(const Expr& expr) {
  Target t;
  if (expr.kind == ExprKind::kName) {
    t.name = expr.text;
    return t;
  }
  if (expr.kind != ExprKind::kTuple)
    run_.fail("only a name or a tuple of names can be assigned to");
  t.is_tuple = true;
  for (const ExprPtr& part : expr.children)
    t.parts.push_back(to_target(*part));
  return t;
}

}  // namespace mlc::jinja
