// What to say when the checkpoint and the architecture's table do not meet.
#pragma once

#include <string>
#include <vector>

#include "convert/source.h"
#include "models/param_spec.h"

namespace mlc {

// Error(kBadInput) listing the first ten tensors that params need and the checkpoint lacks, each
// with the nearest name that the checkpoint has.
void throw_if_missing(const Checkpoint& checkpoint, const std::vector<ParamSpec>& params);

// "a, b, c and 12 more": the first ten names, printable.
std::string list_names(const std::vector<std::string>& names);

// The checkpoint's name with the smallest edit distance; empty if none is near.
std::string nearest_name(const Checkpoint& checkpoint, const std::string& wanted);

}  // namespace mlc
