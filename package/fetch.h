// Models by address where commands take a folder.
#pragma once

#include <string>
#include <string_view>

#include "base/reporter.h"

namespace mlc {

// "HF://...", "hf://...", "oci://...".
bool is_model_address(std::string_view text);

// What kind of files a command will read; others are not fetched from a hub.
enum class Fetch { kCheckpoint, kConfig, kAll };

// A folder of this machine for the address: the hub's snapshot in its cache, or a package pulled
// into the cache folder ($MLC_HOME, $XDG_CACHE_HOME/mlc, ~/.cache/mlc) and unpacked there once. Any
// other text comes back as it is.
std::string local_folder(const std::string& model, Fetch what, Reporter& reporter);

}  // namespace mlc
