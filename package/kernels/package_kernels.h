// `mlc package --kernels-only`: the program's kernels as a package of their own.
#pragma once

#include <string>

#include "base/reporter.h"
#include "package/package.h"

namespace mlc {

// Of the options: output, version, tag (empty: "kernels-VERSION") and overwrite.
PackageSummary package_kernels(const PackageOptions& options, Reporter& reporter);

}  // namespace mlc
