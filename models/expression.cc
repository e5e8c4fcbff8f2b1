#include "models/expression.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/error.h"

namespace mlc {

namespace {

constexpr std::size_t kMaxListSize = 4096;  // more than any model has layers; bounds `in`

const Json* find_path(const Environment& environment, std::string_view path) {
  std::size_t dot = path.find('.');
  const Json* json = environment.find(path.substr(0, dot));
  while (json != nullptr && dot != std::string_view::npos) {
    path.remove_prefix(dot + 1);
    dot = path.find('.');
    json = json->find(path.substr(0, dot));
  }
  return json;
}

std::string show(const Json* json) {
  if (json == nullptr) return "not set";
  if (json->is_array()) return "a list";
  if (json->is_object()) return "an object";
  return "is " + printable(dump_json(*json), 60);
}

class Evaluator {
 public:
  Evaluator(Expr expression, const Environment& environment, std::string_view where)
      : expression_(expression),
        syntax_(parse_expression(expression.text)),
        environment_(environment),
        where_(where) {
    if (syntax_.error != nullptr)
      wrong(fmt::format("{} at byte {}", syntax_.error, syntax_.error_at));
  }

  Value root() const { return value(syntax_.root); }

  std::int64_t integer(const Value& value) const {
    if (const auto* i = std::get_if<std::int64_t>(&value)) return *i;
    if (const auto* b = std::get_if<bool>(&value)) return *b ? 1 : 0;  // as in Python
    wrong("expected an integer");
  }

  bool truth(const Value& value) const {
    struct Truth {
      bool operator()(std::monostate) const { return false; }
      bool operator()(bool b) const { return b; }
      bool operator()(std::int64_t i) const { return i != 0; }
      bool operator()(double d) const { return d != 0; }
      bool operator()(std::string_view text) const { return !text.empty(); }
      bool operator()(const Json* json) const {
        return json->is_array() ? !json->items("list").empty() : !json->members("object").empty();
      }
    };
    return std::visit(Truth(), value);
  }

  Json json() const {
    const Node& node = syntax_.nodes[syntax_.root];
    if (node.kind == NodeKind::kTuple) {
      Json list = Json::array();
      for (std::uint8_t at = syntax_.root; at != kNoNode; at = syntax_.nodes[at].right)
        if (syntax_.nodes[at].left != kNoNode) list.push(json_of(value(syntax_.nodes[at].left)));
      return list;
    }
    return json_of(root());
  }

  // `what` with the expression and its names.
  [[noreturn]] void wrong(std::string_view what) const {
    std::string names = describe_names(expression_, environment_);
    bad_input("{}: {} in `{}`{}", where_, what, expression_.text,
              names.empty() ? "" : " (" + names + ")");
  }

 private:
  static Json json_of(const Value& value) {
    struct ToJson {
      Json operator()(std::monostate) const { return {}; }
      Json operator()(bool b) const { return b; }
      Json operator()(std::int64_t i) const { return i; }
      Json operator()(double d) const { return d; }
      Json operator()(std::string_view text) const { return text; }
      Json operator()(const Json* json) const { return *json; }
    };
    return std::visit(ToJson(), value);
  }

  Value value(std::uint8_t at) const {
    const Node& node = syntax_.nodes[at];
    switch (node.kind) {
      case NodeKind::kNone:
        return {};
      case NodeKind::kBool:
        return node.number != 0;
      case NodeKind::kInt:
        return node.number;
      case NodeKind::kString:
        return node.text;
      case NodeKind::kFloat: {
        double number = 0;
        std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
        return number;
      }
      case NodeKind::kName: {
        const Json* json = find_path(environment_, node.text);
        if (json == nullptr) wrong(fmt::format("{} is not set", node.text));
        return value_of(*json);
      }
      case NodeKind::kTuple:
        wrong("a tuple is only allowed after `in`");
      case NodeKind::kNot:
        return !truth(value(node.left));
      case NodeKind::kAnd: {
        Value left = value(node.left);
        return truth(left) ? value(node.right) : left;
      }
      case NodeKind::kOr: {
        Value left = value(node.left);
        return truth(left) ? left : value(node.right);
      }
      case NodeKind::kNegate:
        return arithmetic(NodeKind::kSubtract, 0, integer(value(node.left)));
      case NodeKind::kAdd:
      case NodeKind::kSubtract:
      case NodeKind::kMultiply:
      case NodeKind::kFloorDivide:
      case NodeKind::kModulo:
      case NodeKind::kPower:
        return arithmetic(node.kind, integer(value(node.left)), integer(value(node.right)));
      case NodeKind::kMax:
        return std::max(integer(value(node.left)), integer(value(node.right)));
      case NodeKind::kMin:
        return std::min(integer(value(node.left)), integer(value(node.right)));
      case NodeKind::kEqual:
        return equal(value(node.left), value(node.right));
      case NodeKind::kNotEqual:
        return !equal(value(node.left), value(node.right));
      case NodeKind::kIs:
        return equal(value(node.left), value(node.right));
      case NodeKind::kIsNot:
        return !equal(value(node.left), value(node.right));
      case NodeKind::kLess:
        return less(value(node.left), value(node.right));
      case NodeKind::kLessEqual:
        return !less(value(node.right), value(node.left));
      case NodeKind::kGreater:
        return less(value(node.right), value(node.left));
      case NodeKind::kGreaterEqual:
        return !less(value(node.left), value(node.right));
      case NodeKind::kIn:
        return contains(node);
      case NodeKind::kNotIn:
        return !contains(node);
      case NodeKind::kIndex:
        return index(value(node.left), integer(value(node.right)));
    }
    wrong("unknown operation");
  }

  std::int64_t arithmetic(NodeKind kind, std::int64_t a, std::int64_t b) const {
    std::int64_t result = 0;
    bool overflow = false;
    switch (kind) {
      case NodeKind::kAdd:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
      case NodeKind::kSubtract:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
      case NodeKind::kMultiply:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
      case NodeKind::kPower:
        if (b < 0) wrong("negative exponent");
        // |a| >= 2 overflows after 63 steps at the latest; 0, 1 and -1 depend on the parity only.
        if (a >= -1 && a <= 1) b = b % 2 == 0 ? std::min<std::int64_t>(b, 2) : 1;
        for (result = 1; b > 0 && !overflow; b--)
          overflow = __builtin_mul_overflow(result, a, &result);
        break;
      default:
        if (b == 0) wrong("division by zero");
        if (b == -1) {  // INT64_MIN / -1 does not fit
          if (kind == NodeKind::kFloorDivide) overflow = __builtin_sub_overflow(0, a, &result);
          break;
        }
        // C++ rounds toward zero, Python down: they differ when the signs differ and a rest
        // remains.
        std::int64_t quotient = a / b;
        std::int64_t rest = a % b;
        if (rest != 0 && (rest < 0) != (b < 0)) {
          quotient--;
          rest += b;
        }
        result = kind == NodeKind::kFloorDivide ? quotient : rest;
    }
    if (overflow) wrong("number beyond 64 bits");
    return result;
  }

  static std::optional<double> number(const Value& value) {
    if (const auto* b = std::get_if<bool>(&value)) return *b ? 1.0 : 0.0;
    if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
    if (const auto* d = std::get_if<double>(&value)) return *d;
    return std::nullopt;
  }

  bool equal(const Value& a, const Value& b) const {
    if (std::holds_alternative<const Json*>(a) || std::holds_alternative<const Json*>(b)) {
      // `rope_scaling is None`: lists and objects are compared with None only.
      if (std::holds_alternative<std::monostate>(a) || std::holds_alternative<std::monostate>(b))
        return false;
      wrong("a list or object can't be compared");
    }
    if (a.index() == b.index()) return a == b;
    auto left = number(a);
    auto right = number(b);
    return left && right && *left == *right;
  }

  bool less(const Value& a, const Value& b) const {
    const auto* left = std::get_if<std::int64_t>(&a);
    const auto* right = std::get_if<std::int64_t>(&b);
    if (left != nullptr && right != nullptr) return *left < *right;
    auto x = number(a);
    auto y = number(b);
    if (!x || !y) wrong("expected numbers on both sides of the comparison");
    return *x < *y;
  }

  const std::vector<Json>& list(const Json* json) const {
    const std::vector<Json>& items = json->items(where_);
    if (items.size() > kMaxListSize)
      wrong(fmt::format("list of {} values, more than {},", items.size(), kMaxListSize));
    return items;
  }

  bool contains(const Node& node) const {
    Value needle = value(node.left);
    if (syntax_.nodes[node.right].kind == NodeKind::kTuple) {
      for (std::uint8_t at = node.right; at != kNoNode; at = syntax_.nodes[at].right)
        if (syntax_.nodes[at].left != kNoNode && equal(needle, value(syntax_.nodes[at].left)))
          return true;
      return false;
    }
    Value haystack = value(node.right);
    const auto* json = std::get_if<const Json*>(&haystack);
    if (json == nullptr) wrong("expected a list or an object after `in`");
    if ((*json)->is_object()) {
      const auto* key = std::get_if<std::string_view>(&needle);
      if (key == nullptr) wrong("expected text before `in`");
      return (*json)->find(*key) != nullptr;
    }
    const std::vector<Json>& items = list(*json);
    return std::any_of(items.begin(), items.end(),
                       [&](const Json& item) { return equal(needle, value_of(item)); });
  }

  Value index(const Value& value, std::int64_t at) const {
    const auto* json = std::get_if<const Json*>(&value);
    if (json == nullptr || !(*json)->is_array()) wrong("expected a list before [");
    const std::vector<Json>& items = list(*json);
    if (at < 0 || static_cast<std::uint64_t>(at) >= items.size())
      wrong(fmt::format("index {} outside a list of {} values", at, items.size()));
    return value_of(items[static_cast<std::size_t>(at)]);
  }

  Expr expression_;
  Syntax syntax_;
  const Environment& environment_;
  std::string_view where_;
};

}  // namespace

const Json* Scope::find(std::string_view name) const {
  if (object_ != nullptr) return object_->find(name);
  return name == variable_ ? &value_ : outer_->find(name);
}

Value value_of(const Json& json) {
  switch (json.kind()) {
    case Json::Kind::kNull:
      return {};
    case Json::Kind::kBool:
      return json.as_bool("value");
    case Json::Kind::kInt:
      return json.as_int("value");
    case Json::Kind::kFloat:
      return json.as_double("value");
    case Json::Kind::kString:
      return std::string_view(json.as_string("value"));
    case Json::Kind::kArray:
    case Json::Kind::kObject:
      break;
  }
  return &json;
}

Value evaluate(Expr expression, const Environment& environment, std::string_view where) {
  return Evaluator(expression, environment, where).root();
}

std::int64_t evaluate_int(Expr expression, const Environment& environment, std::string_view where) {
  Evaluator evaluator(expression, environment, where);
  return evaluator.integer(evaluator.root());
}

bool evaluate_bool(Expr expression, const Environment& environment, std::string_view where) {
  Evaluator evaluator(expression, environment, where);
  return evaluator.truth(evaluator.root());
}

Json evaluate_json(Expr expression, const Environment& environment, std::string_view where) {
  return Evaluator(expression, environment, where).json();
}

std::string describe_names(Expr expression, const Environment& environment) {
  Syntax syntax = parse_expression(expression.text);
  std::vector<std::string_view> seen;
  std::string text;
  for (std::size_t i = 0; i < syntax.count; i++) {
    const Node& node = syntax.nodes[i];
    if (node.kind != NodeKind::kName) continue;
    if (std::find(seen.begin(), seen.end(), node.text) != seen.end()) continue;
    seen.push_back(node.text);
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", node.text, show(find_path(environment, node.text)));
  }
  return text;
}

}  // namespace mlc
