// The grammar of the expressions in the architecture tables, parsed at compile time.
//
// Expressions say what depends on a model's config.json: a dimension
// "(num_attention_heads+2*num_key_value_heads)*head_dim", a condition "i >= first_k_dense_replace
// and i % moe_layer_freq == 0", a default "10000". They are a subset of Python's, because the facts
// come from Python: the same precedence, `//` and `%` round down, comparisons chain.
//
//   or_test     a or b, a and b, not a
//   comparison  == != < <= > >= in, not in, is, is not (chains: 0 < a <= b)
//   arithmetic  + - * // % ** unary -
//   postfix     list[expr]
//   atom        123, 1.5, 'text', True, False, None, name, name.name, (expr), (a, b), (),
//               max(a, b), min(a, b)
//
// parse() is constexpr: an Expr of a constexpr table that does not parse is a compile error
// (models/expression.h), and the same parser runs at run time, so the two can't differ.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mlc {

enum class NodeKind : std::uint8_t {
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kName,
  kTuple,  // one element: left, the rest of the tuple: right (or kNoNode); no left: ()
  kNegate,
  kNot,
  kAnd,
  kOr,
  kAdd,
  kSubtract,
  kMultiply,
  kFloorDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
  kIs,
  kIsNot,
  kIndex,
  kMax,
  kMin,
};

inline constexpr std::uint8_t kNoNode = 255;
inline constexpr std::size_t kMaxNodes = 64;        // the longest expression of the tables has 27
inline constexpr std::size_t kMaxNesting = 32;      // brackets, `not`, `-`, `**`
inline constexpr std::size_t kMaxExpression = 512;  // characters

struct Node {
  NodeKind kind = NodeKind::kNone;
  std::uint8_t left = kNoNode;
  std::uint8_t right = kNoNode;
  std::int64_t number = 0;  // kInt, kBool
  std::string_view text;    // kName, kString (without quotes), kFloat
};

struct Syntax {
  std::array<Node, kMaxNodes> nodes = {};
  std::size_t count = 0;
  std::uint8_t root = kNoNode;
  const char* error = nullptr;  // what is wrong; null when the text is well formed
  std::size_t error_at = 0;     // byte offset
};

class SyntaxParser {
 public:
  constexpr explicit SyntaxParser(std::string_view text) : text_(text) {}

  constexpr Syntax parse() {
    if (text_.size() > kMaxExpression) {
      fail("expression too long");
      return syntax_;
    }
    syntax_.root = or_test();
    skip_spaces();
    if (syntax_.error == nullptr && at_ != text_.size()) fail("text after the expression");
    return syntax_;
  }

 private:
  static constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }

  constexpr std::uint8_t fail(const char* what) {
    if (syntax_.error == nullptr) {
      syntax_.error = what;
      syntax_.error_at = at_;
    }
    return kNoNode;
  }

  constexpr std::uint8_t add(NodeKind kind, std::uint8_t left = kNoNode,
                             std::uint8_t right = kNoNode, std::int64_t number = 0,
                             std::string_view text = {}) {
    if (syntax_.error != nullptr) return kNoNode;
    if (syntax_.count == kMaxNodes) return fail("expression has too many parts");
    syntax_.nodes[syntax_.count] = {kind, left, right, number, text};
    return static_cast<std::uint8_t>(syntax_.count++);
  }

  constexpr void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ')
      at_++;
  }

  // Takes `token` if it is next; a word is taken only when it does not go on.
  constexpr bool take(std::string_view token) {
    skip_spaces();
    if (text_.substr(at_, token.size()) != token) return false;
    std::size_t end = at_ + token.size();
    if (is_letter(token.back()) && end < text_.size() &&
        (is_letter(text_[end]) || is_digit(text_[end])))
      return false;
    at_ = end;
    return true;
  }

  constexpr std::uint8_t or_test() {
    if (++nesting_ > kMaxNesting) return fail("expression nested too deeply");
    std::uint8_t left = and_test();
    while (syntax_.error == nullptr && take("or"))
      left = add(NodeKind::kOr, left, and_test());
    nesting_--;
    return left;
  }

  constexpr std::uint8_t and_test() {
    std::uint8_t left = not_test();
    while (syntax_.error == nullptr && take("and"))
      left = add(NodeKind::kAnd, left, not_test());
    return left;
  }

  constexpr std::uint8_t not_test() {
    if (!take("not")) return comparison();
    if (++nesting_ > kMaxNesting) return fail("expression nested too deeply");
    std::uint8_t operand = not_test();
    nesting_--;
    return add(NodeKind::kNot, operand);
  }

  constexpr NodeKind comparison_operator() {
    // Longer tokens first: "<=" before "<", "is not" before "is".
    if (take("==")) return NodeKind::kEqual;
    if (take("!=")) return NodeKind::kNotEqual;
    if (take("<=")) return NodeKind::kLessEqual;
    if (take(">=")) return NodeKind::kGreaterEqual;
    if (take("<")) return NodeKind::kLess;
    if (take(">")) return NodeKind::kGreater;
    if (take("in")) return NodeKind::kIn;
    if (take("is")) return take("not") ? NodeKind::kIsNot : NodeKind::kIs;
    if (take("not")) {
      if (!take("in")) fail("expected `in` after `not`");
      return NodeKind::kNotIn;
    }
    return NodeKind::kNone;
  }

  constexpr std::uint8_t comparison() {
    std::uint8_t left = sum();
    std::uint8_t result = kNoNode;
    while (syntax_.error == nullptr) {
      NodeKind kind = comparison_operator();
      if (kind == NodeKind::kNone) break;
      std::uint8_t right = sum();
      std::uint8_t one = add(kind, left, right);
      result = result == kNoNode ? one : add(NodeKind::kAnd, result, one);
      left = right;
    }
    return result == kNoNode ? left : result;
  }

  constexpr std::uint8_t sum() {
    std::uint8_t left = product();
    while (syntax_.error == nullptr) {
      if (take("+"))
        left = add(NodeKind::kAdd, left, product());
      else if (take("-"))
        left = add(NodeKind::kSubtract, left, product());
      else
        break;
    }
    return left;
  }

  constexpr std::uint8_t product() {
    std::uint8_t left = negation();
    while (syntax_.error == nullptr) {
      if (take("//"))
        left = add(NodeKind::kFloorDivide, left, negation());
      else if (take("%"))
        left = add(NodeKind::kModulo, left, negation());
      else if (take("*"))
        left = add(NodeKind::kMultiply, left, negation());
      else
        break;
    }
    return left;
  }

  constexpr std::uint8_t negation() {
    if (!take("-")) return power();
    if (++nesting_ > kMaxNesting) return fail("expression nested too deeply");
    std::uint8_t operand = negation();
    nesting_--;
    return add(NodeKind::kNegate, operand);
  }

  // `**` binds tighter than a minus on its left and less tightly than one on its right.
  constexpr std::uint8_t power() {
    std::uint8_t base = postfix();
    return take("**") ? add(NodeKind::kPower, base, negation()) : base;
  }

  constexpr std::uint8_t postfix() {
    std::uint8_t value = atom();
    while (syntax_.error == nullptr && take("[")) {
      std::uint8_t index = or_test();
      if (!take("]")) return fail("expected ]");
      value = add(NodeKind::kIndex, value, index);
    }
    return value;
  }

  constexpr std::uint8_t tuple_rest() {
    if (take(")")) return kNoNode;
    std::uint8_t element = or_test();
    if (syntax_.error != nullptr) return kNoNode;
    if (!take(",")) {
      if (!take(")")) return fail("expected , or )");
      return add(NodeKind::kTuple, element);
    }
    return add(NodeKind::kTuple, element, tuple_rest());
  }

  constexpr std::uint8_t parenthesis() {
    if (take(")")) return add(NodeKind::kTuple);
    std::uint8_t first = or_test();
    if (syntax_.error != nullptr) return kNoNode;
    if (take(",")) return add(NodeKind::kTuple, first, tuple_rest());
    return take(")") ? first : fail("expected )");
  }

  constexpr std::uint8_t function(NodeKind kind) {
    std::uint8_t left = or_test();
    if (!take(",")) return fail("expected , between two arguments");
    std::uint8_t right = or_test();
    return take(")") ? add(kind, left, right) : fail("expected )");
  }

  constexpr std::uint8_t number() {
    std::size_t start = at_;
    bool is_float = false;
    std::int64_t value = 0;
    while (at_ < text_.size() && is_digit(text_[at_])) {
      if (value > (INT64_MAX - 9) / 10) return fail("number too large");
      value = value * 10 + (text_[at_++] - '0');
    }
    if (at_ < text_.size() && text_[at_] == '.') {
      is_float = true;
      at_++;
      while (at_ < text_.size() && is_digit(text_[at_]))
        at_++;
    }
    if (at_ < text_.size() && text_[at_] == 'e') {
      is_float = true;
      at_++;
      if (at_ < text_.size() && text_[at_] == '-') at_++;
      if (at_ == text_.size() || !is_digit(text_[at_])) return fail("expected an exponent");
      while (at_ < text_.size() && is_digit(text_[at_]))
        at_++;
    }
    if (at_ < text_.size() && is_letter(text_[at_])) return fail("letter after a number");
    std::string_view text = text_.substr(start, at_ - start);
    return is_float ? add(NodeKind::kFloat, kNoNode, kNoNode, 0, text)
                    : add(NodeKind::kInt, kNoNode, kNoNode, value, text);
  }

  constexpr std::uint8_t name() {
    std::size_t start = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]) ||
                                  (text_[at_] == '.' && text_[at_ - 1] != '.')))
      at_++;
    if (text_[at_ - 1] == '.') return fail("name ends with a dot");
    return add(NodeKind::kName, kNoNode, kNoNode, 0, text_.substr(start, at_ - start));
  }

  constexpr std::uint8_t atom() {
    skip_spaces();
    if (at_ == text_.size()) return fail("expected a value");
    if (take("(")) return parenthesis();
    if (take("True")) return add(NodeKind::kBool, kNoNode, kNoNode, 1);
    if (take("False")) return add(NodeKind::kBool, kNoNode, kNoNode, 0);
    if (take("None")) return add(NodeKind::kNone);
    if (take("max(")) return function(NodeKind::kMax);
    if (take("min(")) return function(NodeKind::kMin);
    for (std::string_view word : {"and", "or", "not", "in", "is"})
      if (take(word)) return fail("expected a value");
    char c = text_[at_];
    if (c == '\'') {
      std::size_t end = text_.find('\'', at_ + 1);
      if (end == std::string_view::npos) return fail("text without a closing quote");
      std::string_view content = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      return add(NodeKind::kString, kNoNode, kNoNode, 0, content);
    }
    if (is_digit(c)) return number();
    if (is_letter(c)) return name();
    return fail("expected a value");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t nesting_ = 0;
  Syntax syntax_;
};

constexpr Syntax parse_expression(std::string_view text) { return SyntaxParser(text).parse(); }

}  // namespace mlc
