// Tests: what stands after "is", and what select and reject take.
#include <algorithm>
#include <array>

#include "genconfig/jinja/access.h"
#include "genconfig/jinja/library.h"
#include "genconfig/jinja/operators.h"

namespace mlc::jinja {
namespace {

Value remainder(Run& run, const Value& value, const Value& divisor) {
  if (!value.is_number() || !divisor.is_number())
    run.fail("only a number is odd, even or divisible");
  return arithmetic(run, "%", value, divisor);
}

bool is_true(const Value& v) { return v.is(Kind::kBool) && v.as_int() != 0; }
bool is_false(const Value& v) { return v.is(Kind::kBool) && v.as_int() == 0; }

bool same(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_integral()) return a.as_int() == b.as_int();
  return a.is(Kind::kNone) || (a.identity() != nullptr && a.identity() == b.identity());
}

bool is_sequence(const Value& v) {
  // Python asks for a length and __getitem__; so a text, a dict and an undefined value are
  // sequences, a view is not.
  return v.is(Kind::kUndefined) || v.is(Kind::kString) || v.is_sequence() || v.is(Kind::kDict) ||
         v.is(Kind::kRange);
}

template <bool (*kIs)(const Value&)>
bool plain(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "a test", args, {});
  return kIs(value);
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kComparisons = {{
    {"==", "=="},
    {"eq", "=="},
    {"equalto", "=="},
    {"!=", "!="},
    {"ne", "!="},
    {">", ">"},
    {"gt", ">"},
    {"greaterthan", ">"},
    {"ge", ">="},
    {">=", ">="},
    {"<", "<"},
    {"lt", "<"},
    {"lessthan", "<"},
    {"<=", "<="},
    {"le", "<="},
    {"in", "in"},
}};

const std::array kRows = {
    Row<Test>{"defined", plain<[](const Value& v) { return !v.is(Kind::kUndefined); }>},
    Row<Test>{"undefined", plain<[](const Value& v) { return v.is(Kind::kUndefined); }>},
    Row<Test>{"none", plain<[](const Value& v) { return v.is(Kind::kNone); }>},
    Row<Test>{"boolean", plain<[](const Value& v) { return v.is(Kind::kBool); }>},
    Row<Test>{"true", plain<is_true>},
    Row<Test>{"false", plain<is_false>},
    Row<Test>{"integer", plain<[](const Value& v) { return v.is(Kind::kInt); }>},
    Row<Test>{"float", plain<[](const Value& v) { return v.is(Kind::kFloat); }>},
    Row<Test>{"number", plain<[](const Value& v) { return v.is_number(); }>},
    Row<Test>{"string", plain<[](const Value& v) { return v.is(Kind::kString); }>},
    Row<Test>{"mapping", plain<[](const Value& v) { return v.is(Kind::kDict); }>},
    Row<Test>{"iterable", plain<is_iterable>},
    Row<Test>{"callable", plain<[](const Value& v) {
                return v.is(Kind::kMacro) || v.is(Kind::kFunction) || v.is(Kind::kUndefined) ||
                       v.is(Kind::kLoop);
              }>},
    Row<Test>{"escaped", plain<[](const Value&) { return false; }>},
    Row<Test>{"sequence", plain<is_sequence>},
    Row<Test>{"odd",
              [](Run& r, const Value& v, const Args&) {
                return equal(r, remainder(r, v, Value::integer(2)), Value::integer(1));
              }},
    Row<Test>{"even",
              [](Run& r, const Value& v, const Args&) {
                return equal(r, remainder(r, v, Value::integer(2)), Value::integer(0));
              }},
    Row<Test>{"divisibleby",
              [](Run& r, const Value& v, const Args& a) {
                const Bound b(r, "divisibleby", a, {"num"});
                return equal(r, remainder(r, v, b.need(0)), Value::integer(0));
              }},
    Row<Test>{"sameas",
              [](Run& r, const Value& v, const Args& a) {
                const Bound b(r, "sameas", a, {"other"});
                return same(v, b.need(0));
              }},
    Row<Test>{"upper", [](Run& r, const Value& v,
                          const Args&) { return has_only_case(r, to_text(r, v), true); }},
    Row<Test>{"lower", [](Run& r, const Value& v,
                          const Args&) { return has_only_case(r, to_text(r, v), false); }},
    Row<Test>{"filter", [](Run&, const Value& v,
                           const Args&) { return v.is(Kind::kString) && is_filter(v.text()); }},
    Row<Test>{"test", [](Run&, const Value& v,
                         const Args&) { return v.is(Kind::kString) && is_test(v.text()); }},
};

}  // namespace

bool is_test(std::string_view name) {
  const auto named = [name](const auto& row) { return row.name == name; };
  return std::any_of(kRows.begin(), kRows.end(), named) ||
         std::any_of(kComparisons.begin(), kComparisons.end(),
                     [name](const auto& c) { return c.first == name; });
}

bool call_test(Run& run, std::string_view name, const Value& value, const Args& args) {
  run.step();
  for (const auto& [test, op] : kComparisons)
    if (test == name) {
      const Bound b(run, name, args, {"other"});
      return compare(run, op, value, b.need(0));
    }
  for (const Row<Test>& row : kRows)
    if (row.name == name) return row.function(run, value, args);
  run.fail("there is no test named \"{}\"", printable(name, 60));
}

}  // namespace mlc::jinja
