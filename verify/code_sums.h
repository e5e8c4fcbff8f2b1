// What the codes and scales of a quantized param look like: how often each code occurs, and groups
// that hold nothing or what no rule would store.
#pragma once

#include <cstdint>
#include <vector>

#include "verify/param_values.h"

namespace mlc {

struct CodeSums {
  std::uint64_t groups = 0;
  std::uint64_t zero_groups = 0;  // scale 0, or every code that of zero
  // With code 2M + 1, which round to nearest never gives and search does.
  std::uint64_t clipped_groups = 0;
  std::uint64_t bad_scales = 0;           // NaN or infinite
  std::vector<std::uint64_t> codes = {};  // by code; empty: the param has none

  void append(const CodeSums& next);
};

// Of `rows` rows of the param: what `stored` (ParamReader::stored()) holds of them.
CodeSums sum_codes(const FolderParam& param, const Quantization& q, const StoredRows& stored,
                   std::int64_t rows);

}  // namespace mlc
