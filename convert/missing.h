// What to say when the checkpoint and the architecture's table do not meet.
#pragma once

#include <vector>

#include "convert/source.h"
#include "models/param_spec.h"

namespace mlc {

// Error(kBadInput) listing the first ten tensors that params need and the checkpoint lacks, each
// with the nearest name among the checkpoint's tensors that no param needs: a misspelt name, or
// that of another version, is among those.
void throw_if_missing(const Checkpoint& checkpoint, const std::vector<ParamSpec>& params);

}  // namespace mlc
