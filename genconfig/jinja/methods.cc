// Attributes and methods of Python's types and of the loop variable. Those of texts are in
// methods_text.cc.
#include "genconfig/jinja/methods.h"

#include <algorithm>
#include <array>

#include "genconfig/jinja/access.h"
#include "genconfig/jinja/operators.h"

namespace mlc::jinja {
namespace {

Value get_method(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "get()", args, {"key", "default"});
  if (!args.named.empty()) run.fail("get() takes no named arguments");
  require_hashable(run, b.need(0));
  run.step(1 + self.members().size() / 8);
  for (const auto& [key, value] : self.members())
    if (equal(run, key, b.need(0))) return value;
  return b.or_else(1, Value::none());
}

Value view_of(Run& run, const Value& dict, std::string_view which) {
  run.allocate(64);
  auto view = std::make_shared<ViewObject>();
  view->which = which;
  view->dict = dict;
  return Value::object(Kind::kView, std::move(view));
}

Value cycle_method(Run& run, const Value& self, const Args& args) {
  if (args.positional.empty() || !args.named.empty()) run.fail("loop.cycle() needs items");
  return args.positional[self.as<LoopObject>().index % args.positional.size()];
}

Value changed_method(Run& run, const Value& self, const Args& args) {
  if (!args.named.empty()) run.fail("loop.changed() takes no named arguments");
  auto& loop = self.as<LoopObject>();
  Value now = Value::tuple(run, args.positional);
  const bool changed = loop.changed.is(Kind::kUndefined) || !equal(run, loop.changed, now);
  loop.changed = std::move(now);
  return Value::boolean(changed);
}

using MethodRow = Row<Function>;
const std::array kListMethods = {MethodRow{"index", index_method},
                                 MethodRow{"count", count_method}};
const std::array kDictMethods = {
    MethodRow{"get", get_method},
    MethodRow{"keys", [](Run& r, const Value& s, const Args&) { return view_of(r, s, "keys"); }},
    MethodRow{"values",
              [](Run& r, const Value& s, const Args&) { return view_of(r, s, "values"); }},
    MethodRow{"items", [](Run& r, const Value& s, const Args&) { return view_of(r, s, "items"); }},
    MethodRow{"copy", [](Run&, const Value& s, const Args&) { return s; }},
};
const std::array kLoopMethods = {MethodRow{"cycle", cycle_method},
                                 MethodRow{"changed", changed_method}};

// What Python has and the sandbox allows, but no table above: an error, lest it be taken for an
// attribute that is not there.
constexpr std::array kUnsupported = {
    std::string_view("center"),
    std::string_view("casefold"),
    std::string_view("encode"),
    std::string_view("expandtabs"),
    std::string_view("format"),
    std::string_view("format_map"),
    std::string_view("isascii"),
    std::string_view("isdecimal"),
    std::string_view("isidentifier"),
    std::string_view("islower"),
    std::string_view("isnumeric"),
    std::string_view("isprintable"),
    std::string_view("istitle"),
    std::string_view("isupper"),
    std::string_view("ljust"),
    std::string_view("maketrans"),
    std::string_view("partition"),
    std::string_view("rindex"),
    std::string_view("rjust"),
    std::string_view("rpartition"),
    std::string_view("swapcase"),
    std::string_view("translate"),
    std::string_view("zfill"),
    std::string_view("fromkeys"),
    std::string_view("bit_length"),
    std::string_view("is_integer"),
    std::string_view("as_integer_ratio"),
    std::string_view("conjugate"),
    std::string_view("real"),
    std::string_view("imag"),
    std::string_view("numerator"),
    std::string_view("denominator"),
};
// The sandbox hides these: they would change the value.
constexpr std::array kForbidden = {
    std::string_view("append"), std::string_view("extend"),     std::string_view("insert"),
    std::string_view("remove"), std::string_view("sort"),       std::string_view("reverse"),
    std::string_view("clear"),  std::string_view("pop"),        std::string_view("popitem"),
    std::string_view("update"), std::string_view("setdefault"),
};

template <class Table>
const MethodRow* find_row(const Table& table, std::string_view name) {
  const auto at =
      std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.name == name; });
  return at == table.end() ? nullptr : &*at;
}

const MethodRow* find_method_row(const Value& self, std::string_view name) {
  switch (self.kind()) {
    case Kind::kString:
      return find_row(text_methods(), name);
    case Kind::kList:
    case Kind::kTuple:
      return find_row(kListMethods, name);
    case Kind::kDict:
      return find_row(kDictMethods, name);
    case Kind::kLoop:
      return find_row(kLoopMethods, name);
    default:
      return nullptr;
  }
}

bool loop_attribute(Run& run, const LoopObject& loop, std::string_view name, Value& out) {
  const auto n = static_cast<std::int64_t>(loop.items.size()),
             i = static_cast<std::int64_t>(loop.index);
  if (name == "index") return out = Value::integer(i + 1), true;
  if (name == "index0") return out = Value::integer(i), true;
  if (name == "revindex") return out = Value::integer(n - i), true;
  if (name == "revindex0") return out = Value::integer(n - i - 1), true;
  if (name == "first") return out = Value::boolean(i == 0), true;
  if (name == "last") return out = Value::boolean(i == n - 1), true;
  if (name == "length") return out = Value::integer(n), true;
  if (name == "depth") return out = Value::integer(1), true;
  if (name == "depth0") return out = Value::integer(0), true;
  if (name == "previtem")
    return out = i > 0 ? loop.items[loop.index - 1]
                       : Value::undefined(run, "there is no previous item"),
           true;
  if (name == "nextitem")
    return out = i + 1 < n ? loop.items[loop.index + 1]
                           : Value::undefined(run, "there is no next item"),
           true;
  return false;
}

}  // namespace

bool find_python_attribute(Run& run, const Value& object, std::string_view name, Value& out) {
  if (name.starts_with('_')) {  // the sandbox hides them all
    if (name.starts_with("__") && !object.is(Kind::kNamespace)) {
      out = Value::undefined(run, fmt::format("attribute {} is not safe", printable(name, 60)));
      return true;
    }
    return false;
  }
  if (object.is(Kind::kNamespace)) {
    for (const auto& [key, value] : object.as<NamespaceObject>().attributes)
      if (key == name) return out = value, true;
    return false;
  }
  if (object.is(Kind::kLoop) && loop_attribute(run, object.as<LoopObject>(), name, out))
    return true;
  if (object.is(Kind::kMacro)) run.fail("attributes of a macro are not supported");
  const MethodRow* row = find_method_row(object, name);
  if (row != nullptr) {
    run.allocate(64);
    auto function = std::make_shared<FunctionObject>();
    function->name = row->name;
    function->self = object;
    out = Value::object(Kind::kFunction, std::move(function));
    return true;
  }
  const bool builtin = object.is(Kind::kString) || object.is(Kind::kList) ||
                       object.is(Kind::kDict) || object.is_number();
  if (!builtin) return false;
  const bool container = object.is(Kind::kList) || object.is(Kind::kDict);
  if (container && std::find(kForbidden.begin(), kForbidden.end(), name) != kForbidden.end()) {
    out = Value::undefined(run,
                           fmt::format("method {} would change the {}", name, type_name(object)));
    return true;
  }
  if (!container && std::find(kUnsupported.begin(), kUnsupported.end(), name) != kUnsupported.end())
    run.fail("attribute {} of {} is not supported", name, type_name(object));
  return false;
}

Value call_method(Run& run, std::string_view name, const Value& self, const Args& args) {
  const MethodRow* row = find_method_row(self, name);
  run.step();
  if (row == nullptr) run.fail("{} has no method {}", type_name(self), name);
  return row->function(run, self, args);
}

}  // namespace mlc::jinja
