// Models by address where commands take a folder.
#pragma once

#include <string>

#include "base/hub_address.h"
#include "base/model_place.h"
#include "base/reporter.h"

namespace mlc {

// A folder of this machine for the address: the hub's snapshot in its cache, or a package pulled
// into the cache folder ($MLC_HOME, $XDG_CACHE_HOME/mlc, ~/.cache/mlc) and unpacked there once. An
// address of a file, HF://owner/name/FILE, gives the file. Any text that is_model_address() does
// not take comes back as it is. `source_format` is what open_checkpoint (convert/source.h) takes,
// for kCheckpoint. Errors as of pull_hub(), pull() and unpack().
std::string local_folder(const std::string& model, Fetch what, Reporter& reporter,
                         const std::string& source_format = "auto");

}  // namespace mlc
