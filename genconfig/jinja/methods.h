// Methods, in two parts: those of texts, and all others.
#pragma once

#include <span>

#include "genconfig/jinja/library.h"

namespace mlc::jinja {

std::span<const Row<Function>> text_methods();

// Of texts, lists and tuples.
Value count_method(Run& run, const Value& self, const Args& args);
Value index_method(Run& run, const Value& self, const Args& args);

}  // namespace mlc::jinja
