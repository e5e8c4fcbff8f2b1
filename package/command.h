// The commands of package/.
#pragma once

#include "base/command.h"

namespace mlc {

extern const Command kPull;
extern const Command kSign;

}  // namespace mlc
