// Reaching into values: items, attributes, slices, iteration.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "genconfig/jinja/value.h"

namespace mlc::jinja {

// Goes through what Python can iterate over: a text by characters, a dict by keys. Fails in the
// constructor for anything else. Each item is a step.
class Iteration {
 public:
  Iteration(Run& run, const Value& value);
  bool next(Value& item);

 private:
  Run& run_;
  Value value_;
  std::size_t index_ = 0;  // item; byte of a text
};

bool is_iterable(const Value& value);
std::vector<Value> to_items(Run& run, const Value& value);  // list(value)
std::size_t count_of(Run& run, const Value& value);         // len(value)
bool has_length(const Value& value);

// a.name and a["name"] as Jinja defines them: an attribute, else an item, else undefined; and the
// other way round. Undefined values fail.
Value get_attribute(Run& run, const Value& object, std::string_view name);
Value get_item(Run& run, const Value& object, const Value& key);

// object[start:stop:step]; each may be none.
Value get_slice(Run& run, const Value& object, const Value& start, const Value& stop,
                const Value& step);

// Follows "a.b.0", the way filters name attributes.
// What is undefined on the way becomes
// `otherwise`, if that is not none.
Value get_path(Run& run, const Value& object, const Value& path,
               const Value& otherwise = Value::none());

}  // namespace mlc::jinja
