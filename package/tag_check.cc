#include "package/tag_check.h"

#include "base/error.h"

namespace mlc {

bool check_tag(const LayoutWriter& layout, const std::string& tag, const Digest& digest,
               bool overwrite) {
  bool was_there = false;
  for (const Descriptor& entry : layout.index().manifests) {
    auto name = entry.annotations.find(std::string(kRefName));
    if (name == entry.annotations.end() || name->second != tag) continue;
    was_there = entry.digest == digest;
    if (!was_there && !overwrite)
      fail(ExitCode::kUsage,
           "{}: the tag {} stands for other content ({}): give another --version or --tag, or "
           "--overwrite to replace it",
           printable(layout.path(), 1024), tag, entry.digest.text());
  }
  return was_there;
}

}  // namespace mlc
