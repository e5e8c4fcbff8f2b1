// `mlc verify` and `mlc diff` on the command line.
#pragma once

#include "base/command.h"

namespace mlc {

extern const Command kVerify;
extern const Command kDiff;

}  // namespace mlc
