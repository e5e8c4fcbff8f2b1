// Names of files in packages, whoever says them: a folder, a manifest, a signature.
#pragma once

#include <span>
#include <string>

namespace mlc {

// Error(kBadInput), with `where` and the name, unless all of these can be files in one folder on
// every system: each is one that relative_path_problem() takes and is UTF-8; no two are equal, or
// differ only by case or by Unicode normalization (nor do the folders that they name), and none is
// also a folder of another.
void check_file_names(std::span<const std::string> names, const std::string& where);

}  // namespace mlc
