// One text for one value, for documents that are hashed or signed.
#pragma once

#include <string>

#include "base/json.h"

namespace mlc {

// Keys sorted by code point, no white space, UTF-8 as it is, no final newline. Of numbers only
// integers: a float is a bug of the caller, Error(kBug).
std::string canonical_json(const Json& value);

}  // namespace mlc
