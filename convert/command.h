// `mlc convert_weight` on the command line.
#pragma once

#include "base/command.h"

namespace mlc {

extern const Command kConvertWeight;

}  // namespace mlc
