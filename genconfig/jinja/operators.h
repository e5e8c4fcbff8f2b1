// Python's operators on the values of a template. Failures (a text plus a number, a division by
// zero, a result beyond 64 bits) are errors with the template's line.
#pragma once

#include <string_view>

#include "genconfig/jinja/value.h"

namespace mlc::jinja {

bool equal(Run& run, const Value& a, const Value& b);
bool less(Run& run, const Value& a, const Value& b);  // fails for types without an order
bool compare(Run& run, std::string_view op, const Value& a,
             const Value& b);  // "==", "<", "in", "not in" ...
bool contains(Run& run, const Value& container, const Value& item);

// "+", "-", "*", "/", "//", "%", "**"
Value arithmetic(Run& run, std::string_view op, const Value& a, const Value& b);
Value negative(Run& run, const Value& a);
Value positive(Run& run, const Value& a);

// "%" of a text: "%s and %d" % (a, b). %s %r %d %i %f %x with flags, width and precision.
std::string format_percent(Run& run, const std::string& format, const Value& arguments);

// An element of a tuple or key of a dict; lists and dicts are refused, as in Python.
void require_hashable(Run& run, const Value& value);

}  // namespace mlc::jinja
