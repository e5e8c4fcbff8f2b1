// The three tables of filters, put together by call_filter.
#pragma once

#include <span>

#include "genconfig/jinja/library.h"

namespace mlc::jinja {

std::span<const Row<Filter>> value_filters();  // one value to one value: int, default, tojson ...
std::span<const Row<Filter>> text_filters();   // upper, replace, indent ...
std::span<const Row<Filter>> sequence_filters();  // join, sort, map ...

}  // namespace mlc::jinja
