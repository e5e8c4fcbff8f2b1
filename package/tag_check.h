// Tags are given once.
#pragma once

#include <string>

#include "package/oci/layout.h"

namespace mlc {

// Error(kUsage): the tag stands for another manifest than `digest`, and `overwrite` was not asked
// for. True: it stands for this one already.
bool check_tag(const LayoutWriter& layout, const std::string& tag, const Digest& digest,
               bool overwrite);

}  // namespace mlc
