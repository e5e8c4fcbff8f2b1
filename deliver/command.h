// `mlc deliver`.
#pragma once

#include "base/command.h"

namespace mlc {

extern const Command kDeliver;

}  // namespace mlc
