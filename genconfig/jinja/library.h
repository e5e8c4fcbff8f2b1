// What templates may call by name: filters, tests, methods and global functions. Each is a row of a
// table; filters.cc, tests.cc, methods.cc and globals.cc hold them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "genconfig/jinja/value.h"

namespace mlc::jinja {

struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Arguments by the names of parameters, in the order of the parameters. Fails for too many and for
// unknown names.
class Bound {
 public:
  Bound(Run& run, std::string_view function, const Args& args,
        std::initializer_list<std::string_view> names);
  bool has(std::size_t i) const { return given_[i]; }
  const Value& need(std::size_t i) const;  // fails if not given
  Value or_else(std::size_t i, const Value& otherwise) const {
    return given_[i] ? values_[i] : otherwise;
  }
  bool truth_of(std::size_t i) const { return given_[i] && truth(values_[i]); }
  // These fail for another type.
  std::int64_t integer(std::size_t i, std::int64_t otherwise) const;
  const std::string& text(std::size_t i, const std::string& otherwise) const;

 private:
  Run& run_;
  std::string_view function_;
  std::vector<std::string_view> names_;
  std::vector<Value> values_;
  std::vector<bool> given_;
};

using Filter = Value (*)(Run&, const Value& value, const Args& args);
using Test = bool (*)(Run&, const Value& value, const Args& args);
using Function = Value (*)(Run&, const Value& self, const Args& args);

template <class F>
struct Row {
  std::string_view name;
  F function;
};

// A name that Jinja has and this engine does not is an error of its own, never something unknown.
bool is_filter(std::string_view name);
bool is_test(std::string_view name);
Value call_filter(Run& run, std::string_view name, const Value& value, const Args& args);
bool call_test(Run& run, std::string_view name, const Value& value, const Args& args);

// A method or data attribute of Python's own types; false if the type has none of this name or the
// sandbox forbids it.
bool find_python_attribute(Run& run, const Value& object, std::string_view name, Value& out);
Value call_method(Run& run, std::string_view name, const Value& self, const Args& args);

bool find_global(Run& run, std::string_view name, Value& out);
Value call_global(Run& run, std::string_view name, const Args& args);

// Shared by filters and methods.
Value upper(Run& run, const std::string& text);
Value lower(Run& run, const std::string& text);
Value capitalized(Run& run, const std::string& text);
Value stripped(Run& run, const std::string& text, const Value& characters, bool left, bool right);
Value replaced(Run& run, const std::string& text, const std::string& old, const std::string& by,
               std::int64_t count);
Value joined(Run& run, const std::string& separator, const std::vector<Value>& items);
bool has_only_case(Run& run, const std::string& text, bool want_upper);  // str.isupper, str.islower
std::vector<std::string> lines_of(Run& run, const std::string& text);    // str.splitlines

}  // namespace mlc::jinja
