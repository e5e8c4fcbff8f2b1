#include "genconfig/jinja/value.h"

#include <algorithm>
#include <bit>

#include "genconfig/jinja/operators.h"

namespace mlc::jinja {
namespace {

std::uint32_t nesting_above(Run& run, std::uint32_t deepest) {
  if (deepest >= run.limits().max_nesting)
    run.exceed(
        fmt::format("the template nests values deeper than {} levels", run.limits().max_nesting));
  return deepest + 1;
}

std::shared_ptr<ListObject> list_object(Run& run, std::vector<Value> items) {
  run.allocate(64 + items.size() * sizeof(Value));
  auto object = std::make_shared<ListObject>();
  std::uint32_t deepest = 0;
  for (const Value& item : items)
    deepest = std::max(deepest, item.nesting());
  object->nesting = nesting_above(run, deepest);
  object->items = std::move(items);
  return object;
}

}  // namespace

Value Value::real(double v) { return Value(Kind::kFloat, std::bit_cast<std::int64_t>(v)); }

Value Value::undefined(Run& run, std::string message) {
  Value value = string(run, std::move(message));
  value.kind_ = Kind::kUndefined;
  return value;
}

Value Value::string(Run& run, std::string text) {
  run.allocate(64 + text.size());
  auto object = std::make_shared<StringObject>();
  object->text = std::move(text);
  return Value::object(Kind::kString, std::move(object));
}

Value Value::list(Run& run, std::vector<Value> items) {
  return object(Kind::kList, list_object(run, std::move(items)));
}

Value Value::tuple(Run& run, std::vector<Value> items) {
  return object(Kind::kTuple, list_object(run, std::move(items)));
}

Value Value::dict(Run& run, const Members& members) {
  run.allocate(64 + members.size() * 2 * sizeof(Value));
  auto object = std::make_shared<DictObject>();
  std::uint32_t deepest = 0;
  for (const auto& [key, value] : members) {
    require_hashable(run, key);
    // Searched one by one: dicts of templates are small, and steps are counted.
    run.step(1 + object->members.size() / 8);
    auto same = std::find_if(object->members.begin(), object->members.end(),
                             [&run, &k = key](const auto& m) { return equal(run, m.first, k); });
    if (same != object->members.end()) {
      same->second = value;
    } else {
      object->members.emplace_back(key, value);
    }
    deepest = std::max({deepest, key.nesting(), value.nesting()});
  }
  object->nesting = nesting_above(run, deepest);
  return Value::object(Kind::kDict, std::move(object));
}

Value Value::iterator(Run& run, const Value& source, std::function<bool(Value&)> next) {
  run.allocate(128);
  auto object = std::make_shared<IteratorObject>();
  object->next = std::move(next);
  object->nesting = nesting_above(run, source.nesting());
  return Value::object(Kind::kIterator, std::move(object));
}

Value Value::object(Kind kind, std::shared_ptr<Object> object) {
  Value value(kind, 0);
  value.object_ = std::move(object);
  return value;
}

double Value::as_double() const {
  return kind_ == Kind::kFloat ? std::bit_cast<double>(number_) : static_cast<double>(number_);
}

const std::string& Value::text() const {
  static const std::string kNameless = "an undefined value is used";
  return object_ ? as<StringObject>().text : kNameless;
}

const std::vector<Value>& Value::items() const { return as<ListObject>().items; }
const Members& Value::members() const { return as<DictObject>().members; }

std::uint32_t Value::nesting() const {
  switch (kind_) {
    case Kind::kList:
    case Kind::kTuple:
      return as<ListObject>().nesting;
    case Kind::kDict:
      return as<DictObject>().nesting;
    case Kind::kIterator:
      return as<IteratorObject>().nesting;
    case Kind::kView:
      return as<ViewObject>().dict.nesting() + 1;
    case Kind::kFunction:
      return as<FunctionObject>().self.nesting() + 1;
    default:
      return 0;
  }
}

std::int64_t RangeObject::size() const {
  // Bounds were checked when the range was made, so that nothing here leaves 64 bits.
  if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
  return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kRange:
      return "range";
    case Kind::kView:
      return "dict view";
    case Kind::kIterator:
      return "iterator";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kMacro:
      return "Macro";
    case Kind::kFunction:
      return "function";
  }
  return "object";
}

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.as_int() != 0;
    case Kind::kFloat:
      return value.as_double() != 0;
    case Kind::kString:
      return !value.text().empty();
    case Kind::kList:
    case Kind::kTuple:
      return !value.items().empty();
    case Kind::kDict:
      return !value.members().empty();
    case Kind::kRange:
      return value.as<RangeObject>().size() != 0;
    case Kind::kView:
      return truth(value.as<ViewObject>().dict);
    default:
      return true;
  }
}

}  // namespace mlc::jinja
