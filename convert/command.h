// `mlc convert_weight` and `mlc inspect` on the command line.
#pragma once

#include "base/command.h"

namespace mlc {

extern const Command kConvertWeight;
extern const Command kInspect;

}  // namespace mlc
