// The commands of this room, which show devices, run a model and speak its tokens.
#pragma once

#include "base/command.h"

namespace mlc {

extern const Command kRun;
extern const Command kBench;
extern const Command kDevices;
extern const Command kTokenize;

}  // namespace mlc
