// Global functions: Jinja's own, and the two that transformers adds.
#include <array>
#include <ctime>

#include "genconfig/jinja/access.h"
#include "genconfig/jinja/library.h"
#include "genconfig/jinja/operators.h"

namespace mlc::jinja {
namespace {

// The sandbox of Jinja has the same limit.
constexpr std::int64_t kMaxRange = 100000;

Value range(Run& run, const Value&, const Args& args) {
  const std::size_t n = args.positional.size();
  if (n < 1 || n > 3 || !args.named.empty()) run.fail("range() takes one to three numbers");
  for (const Value& v : args.positional) {
    if (!v.is_integral()) run.fail("range() takes integers, not {}", type_name(v));
    // So that differences and sums stay within 64 bits.
    if (v.as_int() > (std::int64_t{1} << 60) || v.as_int() < -(std::int64_t{1} << 60))
      run.fail("range() takes numbers up to 2^60");
  }
  auto r = std::make_shared<RangeObject>();
  r->start = n > 1 ? args.positional[0].as_int() : 0;
  r->stop = args.positional[n > 1 ? 1 : 0].as_int();
  r->step = n > 2 ? args.positional[2].as_int() : 1;
  if (r->step == 0) run.fail("range() has a step of zero");
  if (r->size() > kMaxRange) run.exceed(fmt::format("range() of more than {} numbers", kMaxRange));
  run.allocate(64);
  return Value::object(Kind::kRange, std::move(r));
}

Members dict_members(Run& run, const Args& args) {
  if (args.positional.size() > 1) run.fail("dict() takes at most one value");
  Members members;
  for (const Value& source : args.positional) {
    if (source.is(Kind::kDict)) {
      members = source.members();
      continue;
    }
    for (const Value& pair : to_items(run, source)) {
      const auto both = to_items(run, pair);
      if (both.size() != 2) run.fail("dict() takes pairs, not {} values", both.size());
      members.emplace_back(both[0], both[1]);
    }
  }
  for (const auto& [name, value] : args.named)
    members.emplace_back(Value::string(run, name), value);
  return members;
}

Value dict(Run& run, const Value&, const Args& args) {
  return Value::dict(run, dict_members(run, args));
}

Value make_namespace(Run& run, const Value&, const Args& args) {
  const Value all = Value::dict(run, dict_members(run, args));
  auto ns = std::make_shared<NamespaceObject>();
  for (const auto& [key, value] : all.members()) {
    if (!key.is(Kind::kString)) run.fail("attributes of a namespace are named by texts");
    ns->attributes.emplace_back(key.text(), value);
  }
  return Value::object(Kind::kNamespace, std::move(ns));
}

Value raise_exception(Run& run, const Value&, const Args& args) {
  const Bound b(run, "raise_exception()", args, {"message"});
  run.fail("the template refuses this conversation: {}", printable(to_text(run, b.need(0))));
}

Value strftime_now(Run& run, const Value&, const Args& args) {
  const Bound b(run, "strftime_now()", args, {"format"});
  b.need(0);
  const std::string nothing;
  // A byte in front tells an empty result from one that does not fit.
  const std::string format = "." + b.text(0, nothing);
  const std::time_t now = run.now();
  std::tm parts = {};
  if (gmtime_r(&now, &parts) == nullptr) run.fail("strftime_now(): the time is out of range");
  std::string out(format.size() + 1024, '\0');
  run.allocate(out.size());
  const std::size_t n = std::strftime(out.data(), out.size(), format.c_str(), &parts);
  if (n == 0) run.fail("strftime_now(): the result is too long");
  return Value::string(run, out.substr(1, n - 1));
}

const std::array kRows = {
    Row<Function>{"range", range},
    Row<Function>{"dict", dict},
    Row<Function>{"namespace", make_namespace},
    Row<Function>{"raise_exception", raise_exception},
    Row<Function>{"strftime_now", strftime_now},
};

}  // namespace

bool find_global(Run& run, std::string_view name, Value& out) {
  for (const Row<Function>& row : kRows) {
    if (row.name != name) continue;
    run.allocate(64);
    auto function = std::make_shared<FunctionObject>();
    function->name = row.name;
    out = Value::object(Kind::kFunction, std::move(function));
    return true;
  }
  if (name == "cycler" || name == "joiner" || name == "lipsum")
    run.fail("{}() is not supported", name);
  return false;
}

Value call_global(Run& run, std::string_view name, const Args& args) {
  run.step();
  for (const Row<Function>& row : kRows)
    if (row.name == name) return row.function(run, Value(), args);
  run.fail("there is no function named {}", printable(name, 60));
}

}  // namespace mlc::jinja
