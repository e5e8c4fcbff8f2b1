// What lies in a model folder besides the shards: files that can be read wrongly, links, leftovers.
#pragma once

#include <string>
#include <vector>

#include "base/tensor_cache.h"
#include "verify/finding.h"

namespace mlc {

// Names in the folder, sorted; what can't be listed is Error(kIo).
std::vector<std::string> folder_names(const std::string& folder);

// "params_shard_3.bin"
bool is_shard_name(std::string_view name);

// A file that conversions or downloads leave when they are killed.
bool is_leftover_name(std::string_view name);

// Where a link leads that leaves the folder, or empty. The layout of Hugging Face's cache
// (snapshots/REVISION/NAME -> ../../blobs/HASH) is no finding: there every file is such a link.
std::string outside_target(const std::string& folder, const std::string& name);

// Parses a JSON or tokenizer file strictly; others are passed over. False if it was none of them.
bool check_small_file(const std::string& folder, const std::string& name, Findings& findings);

}  // namespace mlc
