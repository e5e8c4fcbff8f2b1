// The parts of `mlc diff`, one file each.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "package/oci/layout.h"
#include "verify/diff.h"

namespace mlc {

// What differences of two folders are called.
const FindingRule& diff_rule(std::string_view id);

// All files but shards and index files: fills config, tokenizer, files, files_compared.
void diff_files(const DiffOptions& options, Diff& diff);

// The params, wherever they lie in the shards: fills a, b, params, equal_params.
void diff_params(const DiffOptions& options, Diff& diff, Reporter& reporter);

// A model of a package; nothing when the text names none.
struct DiffPackage {
  std::shared_ptr<const Layout> layout;
  Descriptor model;
  Manifest manifest;
};
std::optional<DiffPackage> open_diff_package(const std::string& text);
PackageDifference diff_packages(const DiffPackage& a, const DiffPackage& b);

}  // namespace mlc
