// The parts of `mlc diff`, one file each.
#pragma once

#include <string_view>

#include "verify/diff.h"

namespace mlc {

// What differences of two folders are called.
const FindingRule& diff_rule(std::string_view id);

// All files but shards and index files: fills config, tokenizer, files, files_compared.
void diff_files(const DiffOptions& options, Diff& diff);

// The params, wherever they lie in the shards: fills a, b, params, equal_params.
void diff_params(const DiffOptions& options, Diff& diff, Reporter& reporter);

}  // namespace mlc
