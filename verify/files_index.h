// The index of a model folder, under either of its names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/tensor_cache.h"
#include "verify/finding.h"

namespace mlc {

struct FolderIndex {
  std::string name;  // "tensor-cache.json", or "ndarray-cache.json" where only that can be read
  TensorCache cache;
};

// The index that runtimes read: tensor-cache.json, else ndarray-cache.json. None if there is none
// or none can be read, which is a finding (F01, F02). Both names and those of the b16 files are
// compared (F03 to F05).
std::optional<FolderIndex> check_index(const std::string& folder, Findings& findings);

// The same without findings, for levels that only need it: the first index that can be read.
std::optional<FolderIndex> find_index(const std::string& folder);

// One of the four names that an index may have.
bool is_index_name(std::string_view name);

// The first thing in which `other` is not `index`, in words; empty texts if there is none.
struct IndexDifference {
  std::string where;     // "records[0].records[3]"
  std::string found;     // in `other`
  std::string expected;  // in `index`
};
IndexDifference first_difference(const TensorCache& index, const TensorCache& other);

}  // namespace mlc
