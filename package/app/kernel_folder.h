// Our kernels in an app bundle, in place of compiled model libraries.
#pragma once

#include <string>

#include "package/app/staged_folder.h"

namespace mlc {

// The program's kernels as a layout, OUT/lib/kernels. Gives what an app's config names as the
// model's library: the digest of the bundle's manifest.
std::string add_kernel_folder(StagedFolder& staged);

}  // namespace mlc
