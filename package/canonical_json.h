// JSON as we write it where its bytes have a digest: keys sorted by code point, no white space,
// integers only, UTF-8 unescaped, no final newline.
#pragma once

#include <string>

#include "base/json.h"

namespace mlc {

// Floats and bytes that are no UTF-8 are our own mistake: Error(kBug).
std::string canonical_json(const Json& value);

}  // namespace mlc
