// A snapshot of the hub's cache as a folder of its own, with files instead of links.
#pragma once

#include <string>

#include "base/reporter.h"
#include "package/hub/hub_pull.h"

namespace mlc {

// `output` must not exist, or be an empty folder; it appears as a whole (package/new_folder.h).
// Files are copied, never hard links, so that what is edited in one place does not change the
// other. Error(kUsage), Error(kIo).
void copy_snapshot(const HubSnapshot& snapshot, const std::string& output, Reporter& reporter);

}  // namespace mlc
