// `mlc gen_config` on the command line.
#pragma once

#include "base/command.h"

namespace mlc {

extern const Command kGenConfig;

}  // namespace mlc
