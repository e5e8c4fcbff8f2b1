#include "genconfig/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "genconfig/jinja/access.h"

namespace mlc::jinja {
namespace {

// -1, 0, 1; 2 if a NaN is among them.
int order(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral())
    return a.as_int() < b.as_int() ? -1 : (a.as_int() > b.as_int() ? 1 : 0);
  const double x = a.as_double(), y = b.as_double();
  if (std::isnan(x) || std::isnan(y)) return 2;
  // An integer beyond 2^53 may have been rounded; Python compares exactly. Where both doubles are
  // equal and within 64 bits, the float is an integer and its value decides.
  if (x == y && x >= -9223372036854775808.0 && x < 9223372036854775808.0 && a.kind() != b.kind()) {
    const auto exact = [](const Value& v) {
      return v.is(Kind::kFloat) ? static_cast<std::int64_t>(v.as_double()) : v.as_int();
    };
    const std::int64_t i = exact(a), j = exact(b);
    return i < j ? -1 : (i > j ? 1 : 0);
  }
  return x < y ? -1 : (x > y ? 1 : 0);
}

[[noreturn]] void fail_operands(Run& run, std::string_view op, const Value& a, const Value& b) {
  for (const Value* v : {&a, &b})
    if (v->is(Kind::kUndefined)) run.fail("{}", printable(v->text()));
  run.fail("operator {} does not take {} and {}", op, type_name(a), type_name(b));
}

bool equal_members(Run& run, const Members& a, const Members& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a) {
    run.step(1 + b.size() / 8);
    const auto same = std::find_if(
        b.begin(), b.end(), [&run, &k = key](const auto& m) { return equal(run, m.first, k); });
    if (same == b.end() || !equal(run, value, same->second)) return false;
  }
  return true;
}

bool equal_items(Run& run, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!equal(run, a[i], b[i])) return false;
  return true;
}

}  // namespace

bool equal(Run& run, const Value& a, const Value& b) {
  Run::Level level(run);
  run.step();
  if (a.is_number() && b.is_number()) return order(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      run.look_through(std::min(a.text().size(), b.text().size()));
      return a.text() == b.text();
    case Kind::kList:
    case Kind::kTuple:
      return equal_items(run, a.items(), b.items());
    case Kind::kDict:
      return equal_members(run, a.members(), b.members());
    case Kind::kRange: {
      const auto &x = a.as<RangeObject>(), &y = b.as<RangeObject>();
      const std::int64_t n = x.size();
      return n == y.size() && (n == 0 || (x.start == y.start && (n == 1 || x.step == y.step)));
    }
    default:
      return a.identity() == b.identity();
  }
}

bool less(Run& run, const Value& a, const Value& b) {
  Run::Level level(run);
  run.step();
  if (a.is_number() && b.is_number()) return order(a, b) == -1;
  if (a.kind() == b.kind() && a.is(Kind::kString)) {
    run.look_through(std::min(a.text().size(), b.text().size()));
    return a.text() < b.text();  // the order of UTF-8 is that of code points
  }
  if (a.kind() == b.kind() && a.is_sequence()) {
    const std::size_t n = std::min(a.items().size(), b.items().size());
    for (std::size_t i = 0; i < n; ++i)
      if (!equal(run, a.items()[i], b.items()[i])) return less(run, a.items()[i], b.items()[i]);
    return a.items().size() < b.items().size();
  }
  fail_operands(run, "<", a, b);
}

bool contains(Run& run, const Value& container, const Value& item) {
  run.step();
  switch (container.kind()) {
    case Kind::kString:
      if (!item.is(Kind::kString)) fail_operands(run, "in", item, container);
      run.look_through(container.text().size());
      return container.text().find(item.text()) != std::string::npos;
    case Kind::kDict:
      require_hashable(run, item);
      return std::any_of(container.members().begin(), container.members().end(),
                         [&](const auto& m) { return equal(run, m.first, item); });
    default: {
      Value each;
      Iteration iteration(run, container);
      while (iteration.next(each))
        if ((each.identity() == item.identity() && each.identity() != nullptr) ||
            equal(run, each, item))
          return true;
      return false;
    }
  }
}

bool compare(Run& run, std::string_view op, const Value& a, const Value& b) {
  if (op == "==") return equal(run, a, b);
  if (op == "!=") return !equal(run, a, b);
  if (op == "in") return contains(run, b, a);
  if (op == "not in") return !contains(run, b, a);
  if (op == "<") return less(run, a, b);
  if (op == ">") return less(run, b, a);
  // Not the negation of the opposite: NaN is neither.
  const bool swapped = op == ">=";
  const Value &low = swapped ? b : a, &high = swapped ? a : b;
  if (low.is_number() && high.is_number()) return order(low, high) <= 0;
  return less(run, low, high) || equal(run, low, high);
}

void require_hashable(Run& run, const Value& value) {
  if (value.is(Kind::kList) || value.is(Kind::kDict) || value.is(Kind::kView))
    run.fail("a value of type {} can't be a key", type_name(value));
  if (!value.is(Kind::kTuple)) return;
  Run::Level level(run);
  for (const Value& item : value.items())
    require_hashable(run, item);
}

Value negative(Run& run, const Value& a) {
  if (a.is(Kind::kFloat)) return Value::real(-a.as_double());
  if (!a.is_integral()) fail_operands(run, "-", a, a);
  std::int64_t result = 0;
  if (__builtin_sub_overflow(std::int64_t{0}, a.as_int(), &result))
    run.fail("the number {} has no negative in 64 bits", a.as_int());
  return Value::integer(result);
}

Value positive(Run& run, const Value& a) {
  if (a.is(Kind::kFloat)) return a;
  if (!a.is_integral()) fail_operands(run, "+", a, a);
  return Value::integer(a.as_int());
}

}  // namespace mlc::jinja
