// `mlc verify` on the command line.
#pragma once

#include "base/command.h"

namespace mlc {

extern const Command kVerify;

}  // namespace mlc
