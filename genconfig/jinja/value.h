// The values of a template: Python's, as far as templates can see them.
//
// Strings, lists, tuples and dicts never change once made (the sandbox that transformers uses
// forbids it), so they are shared freely, and no value can contain itself. Only a namespace
// changes; the evaluator owns all of them and clears them at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "genconfig/jinja/run.h"

namespace mlc::jinja {

enum class Kind : std::uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInt,  // 64 bits; what leaves them is an error, not a larger number as in Python
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kRange,
  kView,      // dict.keys(), values(), items()
  kIterator,  // what map, select and others return: items on demand, once
  kNamespace,
  kLoop,
  kMacro,
  kFunction,  // a global function, or a method with its object
};

struct Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
};

class Value {
 public:
  Value() = default;                                      // undefined, without a name
  static Value undefined(Run& run, std::string message);  // what is wrong, if it is used
  static Value none() { return Value(Kind::kNone, 0); }
  static Value boolean(bool v) { return Value(Kind::kBool, v ? 1 : 0); }
  static Value integer(std::int64_t v) { return Value(Kind::kInt, v); }
  static Value real(double v);
  // These count their bytes, and the nesting of containers.
  static Value string(Run& run, std::string text);
  static Value list(Run& run, std::vector<Value> items);
  static Value tuple(Run& run, std::vector<Value> items);
  // A key that comes again replaces the value of the first.
  static Value dict(Run& run, const std::vector<std::pair<Value, Value>>& members);
  // `source`: what the iterator goes through.
  static Value iterator(Run& run, const Value& source, std::function<bool(Value&)> next);
  static Value object(Kind kind, std::shared_ptr<Object> object);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_number() const {
    return kind_ == Kind::kBool || kind_ == Kind::kInt || kind_ == Kind::kFloat;
  }
  bool is_integral() const { return kind_ == Kind::kBool || kind_ == Kind::kInt; }
  bool is_sequence() const { return kind_ == Kind::kList || kind_ == Kind::kTuple; }

  std::int64_t as_int() const { return number_; }               // kBool, kInt
  double as_double() const;                                     // kBool, kInt, kFloat
  const std::string& text() const;                              // kString; kUndefined: its message
  const std::vector<Value>& items() const;                      // kList, kTuple
  const std::vector<std::pair<Value, Value>>& members() const;  // kDict
  template <class T>
  T& as() const {  // the object of another kind
    return static_cast<T&>(*object_);
  }
  const Object* identity() const { return object_.get(); }
  const std::shared_ptr<Object>& shared() const { return object_; }
  std::uint32_t nesting() const;  // 0 for what is no container

 private:
  Value(Kind kind, std::int64_t number) : kind_(kind), number_(number) {}

  Kind kind_ = Kind::kUndefined;
  std::int64_t number_ = 0;  // a double's bits for kFloat
  std::shared_ptr<Object> object_;
};

using Members = std::vector<std::pair<Value, Value>>;

struct StringObject : Object {
  std::string text;
};
struct ListObject : Object {
  std::vector<Value> items;
  std::uint32_t nesting = 1;
};
struct DictObject : Object {
  Members members;
  std::uint32_t nesting = 1;
};
struct RangeObject : Object {
  std::int64_t start = 0, stop = 0, step = 1;
  std::int64_t size() const;
};
struct ViewObject : Object {
  std::string_view which;  // "keys", "values", "items"
  Value dict;
};
struct IteratorObject : Object {
  std::function<bool(Value&)> next;  // false: no more items
  std::uint32_t nesting = 1;         // iterators over iterators
};
struct NamespaceObject : Object {
  std::vector<std::pair<std::string, Value>> attributes;
};
struct LoopObject : Object {
  std::vector<Value> items;
  std::size_t index = 0;  // from 0
  Value changed;          // arguments of the last loop.changed(), a tuple
};
struct FunctionObject : Object {
  std::string_view name;  // of the table of globals or of methods
  Value self;             // undefined for a global
};

std::string_view type_name(const Value& value);  // Python's name of the type, for messages
bool truth(const Value& value);                  // bool(value)

// str(value) and repr(value). Fails for what Python prints with an address in memory.
std::string to_text(Run& run, const Value& value);
std::string repr(Run& run, const Value& value);

struct JsonStyle {
  bool ensure_ascii = false;
  int indent = -1;  // negative: one line
  bool sort_keys = false;
  std::string item_separator = ", ";  // "," where lines are broken
  std::string key_separator = ": ";
};
std::string to_json(Run& run, const Value& value, const JsonStyle& style);  // json.dumps

}  // namespace mlc::jinja
