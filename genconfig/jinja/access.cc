#include "genconfig/jinja/access.h"

#include <algorithm>
#include <charconv>

#include "genconfig/jinja/library.h"
#include "genconfig/jinja/operators.h"
#include "genconfig/jinja/unicode.h"

namespace mlc::jinja {
namespace {

const Value* find_member(Run& run, const Value& dict, const Value& key) {
  require_hashable(run, key);
  run.step(1 + dict.members().size() / 8);
  for (const auto& member : dict.members())
    if (equal(run, member.first, key)) return &member.second;
  return nullptr;
}

Value view_item(Run& run, const ViewObject& view, std::size_t index) {
  const auto& [key, value] = view.dict.members()[index];
  if (view.which == "items") return Value::tuple(run, {key, value});
  return view.which == "keys" ? key : value;
}

// The position of index i (from the end if negative) in n items, or n if there is none.
std::size_t position(std::int64_t i, std::size_t n) {
  const auto size = static_cast<std::int64_t>(n);
  if (i < -size || i >= size) return n;
  return static_cast<std::size_t>(i < 0 ? i + size : i);
}

// The value of an item that is there, or false.
bool find_item(Run& run, const Value& object, const Value& key, Value& out) {
  if (object.is(Kind::kDict)) {
    if (key.is(Kind::kList) || key.is(Kind::kDict) || key.is(Kind::kView)) return false;
    const Value* member = find_member(run, object, key);
    if (member != nullptr) out = *member;
    return member != nullptr;
  }
  if (!key.is_integral()) return false;
  if (object.is_sequence()) {
    const std::size_t at = position(key.as_int(), object.items().size());
    if (at == object.items().size()) return false;
    out = object.items()[at];
    return true;
  }
  if (object.is(Kind::kString)) {
    run.look_through(object.text().size());
    const std::size_t n = length(object.text()), at = position(key.as_int(), n);
    if (at == n) return false;
    std::size_t pos = 0;
    for (std::size_t i = 0; i < at; ++i)
      next_character(object.text(), pos);
    const std::size_t begin = pos;
    next_character(object.text(), pos);
    out = Value::string(run, object.text().substr(begin, pos - begin));
    return true;
  }
  if (object.is(Kind::kRange)) {
    const auto& r = object.as<RangeObject>();
    const auto n = static_cast<std::size_t>(r.size());
    const std::size_t at = position(key.as_int(), n);
    if (at == n) return false;
    out = Value::integer(r.start + static_cast<std::int64_t>(at) * r.step);
    return true;
  }
  return false;
}

Value missing(Run& run, const Value& object, const Value& key) {
  return Value::undefined(run, key.is(Kind::kString)
                                   ? fmt::format("{} has no attribute \"{}\"", type_name(object),
                                                 printable(key.text(), 60))
                                   : fmt::format("{} has no such element", type_name(object)));
}

void require_defined(Run& run, const Value& object) {
  if (object.is(Kind::kUndefined)) run.fail("{}", printable(object.text()));
}

}  // namespace

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kRange:
    case Kind::kView:
    case Kind::kIterator:
    case Kind::kLoop:
      return true;
    default:
      return false;
  }
}

Iteration::Iteration(Run& run, const Value& value) : run_(run), value_(value) {
  if (!is_iterable(value) || value.is(Kind::kLoop))
    run.fail("a value of type {} has no items to go through", type_name(value));
}

bool Iteration::next(Value& item) {
  run_.step();
  switch (value_.kind()) {
    case Kind::kString: {
      if (index_ == value_.text().size()) return false;
      const std::size_t begin = index_;
      next_character(value_.text(), index_);
      item = Value::string(run_, value_.text().substr(begin, index_ - begin));
      return true;
    }
    case Kind::kList:
    case Kind::kTuple:
      if (index_ == value_.items().size()) return false;
      item = value_.items()[index_++];
      return true;
    case Kind::kDict:
      if (index_ == value_.members().size()) return false;
      item = value_.members()[index_++].first;
      return true;
    case Kind::kRange: {
      const auto& r = value_.as<RangeObject>();
      if (index_ == static_cast<std::size_t>(r.size())) return false;
      item = Value::integer(r.start + static_cast<std::int64_t>(index_++) * r.step);
      return true;
    }
    case Kind::kView: {
      const auto& view = value_.as<ViewObject>();
      if (index_ == view.dict.members().size()) return false;
      item = view_item(run_, view, index_++);
      return true;
    }
    case Kind::kIterator: {
      Run::Level level(run_);
      return value_.as<IteratorObject>().next(item);
    }
    default:  // undefined has no items
      return false;
  }
}

std::vector<Value> to_items(Run& run, const Value& value) {
  std::vector<Value> items;
  Iteration iteration(run, value);
  Value item;
  while (iteration.next(item)) {
    run.allocate(sizeof(Value));
    items.push_back(item);
  }
  return items;
}

bool has_length(const Value& value) { return is_iterable(value) && !value.is(Kind::kIterator); }

std::size_t count_of(Run& run, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      run.look_through(value.text().size());
      return length(value.text());
    case Kind::kList:
    case Kind::kTuple:
      return value.items().size();
    case Kind::kDict:
      return value.members().size();
    case Kind::kRange:
      return static_cast<std::size_t>(value.as<RangeObject>().size());
    case Kind::kView:
      return value.as<ViewObject>().dict.members().size();
    case Kind::kLoop:
      return value.as<LoopObject>().items.size();
    default:
      run.fail("a value of type {} has no length", type_name(value));
  }
}

Value get_attribute(Run& run, const Value& object, std::string_view name) {
  run.step();
  require_defined(run, object);
  Value out;
  if (find_python_attribute(run, object, name, out)) return out;
  const Value key = Value::string(run, std::string(name));
  if (find_item(run, object, key, out)) return out;
  return missing(run, object, key);
}

Value get_item(Run& run, const Value& object, const Value& key) {
  run.step();
  require_defined(run, object);
  Value out;
  if (find_item(run, object, key, out)) return out;
  if (key.is(Kind::kString) && find_python_attribute(run, object, key.text(), out)) return out;
  return missing(run, object, key);
}

Value get_slice(Run& run, const Value& object, const Value& start, const Value& stop,
                const Value& step) {
  require_defined(run, object);
  for (const Value* v : {&start, &stop, &step})
    if (!v->is(Kind::kNone) && !v->is_integral())
      run.fail("the bounds of a slice have to be integers, not {}", type_name(*v));
  if (!object.is(Kind::kString) && !object.is_sequence()) {
    run.fail("slices of a value of type {} are not supported", type_name(object));
  }
  const std::int64_t by = step.is(Kind::kNone) ? 1 : step.as_int();
  if (by == 0) run.fail("the step of a slice is zero");
  std::vector<char32_t> points;
  if (object.is(Kind::kString)) {
    run.look_through(object.text().size());
    run.allocate(object.text().size() * sizeof(char32_t));
    points = code_points(object.text());
  }
  const auto n =
      static_cast<std::int64_t>(object.is(Kind::kString) ? points.size() : object.items().size());
  // Bounds count from the end if negative, and are then brought to what exists.
  const std::int64_t lowest = by > 0 ? 0 : -1, highest = by > 0 ? n : n - 1;
  const auto bound = [&](const Value& v, std::int64_t otherwise) {
    if (v.is(Kind::kNone)) return otherwise;
    const std::int64_t i = v.as_int();
    return std::clamp(i < 0 ? std::max<std::int64_t>(i, -n - 1) + n : i, lowest, highest);
  };
  const std::int64_t from = bound(start, by > 0 ? lowest : highest);
  const std::int64_t to = bound(stop, by > 0 ? highest : lowest);
  std::vector<Value> items;
  std::string text;
  for (std::int64_t i = from; by > 0 ? i < to : i > to;) {
    run.step();
    if (object.is(Kind::kString)) {
      append_character(text, points[static_cast<std::size_t>(i)]);
    } else {
      items.push_back(object.items()[static_cast<std::size_t>(i)]);
    }
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  if (object.is(Kind::kString)) return Value::string(run, std::move(text));
  return object.is(Kind::kList) ? Value::list(run, std::move(items))
                                : Value::tuple(run, std::move(items));
}

Value get_path(Run& run, const Value& object, const Value& path, const Value& otherwise) {
  if (!path.is(Kind::kString)) {
    const auto part = path.is_integral() ? get_item(run, object, path) : Value();
    if (path.is_integral())
      return part.is(Kind::kUndefined) && !otherwise.is(Kind::kNone) ? otherwise : part;
    run.fail("an attribute is named by a text or a number, not {}", type_name(path));
  }
  Value value = object;
  std::string_view rest = path.text();
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    std::int64_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool number =
        !part.empty() && part[0] != '-' && error == std::errc() && end == part.data() + part.size();
    value = get_item(run, value,
                     number ? Value::integer(index) : Value::string(run, std::string(part)));
    if (value.is(Kind::kUndefined) && !otherwise.is(Kind::kNone)) value = otherwise;
    if (dot == std::string_view::npos) return value;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace mlc::jinja
