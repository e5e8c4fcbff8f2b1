// What an architecture keeps of the tokens that it has seen, as data: a row for each model_type
// that runtime-min does not run. For those that it runs, models/forward.h has the numbers.
#pragma once

#include <string_view>

#include "models/expression.h"

namespace mlc {

// Expressions over the config's fields and, but for `layers`, the layer `i`.
struct CacheRule {
  std::string_view model_type;
  Expr layers = {};  // those with a cache of their own
  Expr kv = {};      // elements of keys and values a token has in a layer; 0: none
  Expr window = {};  // tokens that a row sees in a layer; 0 or less, or empty: all
  Expr state = {};   // elements of a recurrent state, whatever the number of tokens; empty: none
};

// Null where there is no row: the architecture has traits, or is an embedding model.
const CacheRule* find_cache_rule(std::string_view model_type);

}  // namespace mlc
