// The commands of package/.
#pragma once

#include "base/command.h"

namespace mlc {

extern const Command kPackage;
extern const Command kUnpack;
extern const Command kGc;
extern const Command kInspect;
extern const Command kPull;
extern const Command kSign;
extern const Command kPush;

}  // namespace mlc
