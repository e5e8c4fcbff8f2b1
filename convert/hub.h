// Checkpoints on servers, as folders: models of the Hugging Face hub, and files at an https
// address.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "convert/source_folder.h"

namespace mlc {

// "HF://owner/name[@revision][/file]", "https://..." or "http://...".
bool is_remote(std::string_view path);

struct RemotePlace {
  std::shared_ptr<const SourceFolder> folder;
  std::string file;  // empty: the folder itself
};

// HF://: the list of files is asked for, and all files are then read from the commit it names.
// HF_ENDPOINT (https://huggingface.co) and HF_TOKEN count as in huggingface_hub; the token goes to
// the endpoint only. HF_HUB_DOWNLOAD_TIMEOUT: seconds of silence after which a request is given up
// (10). https://: the address of one file; files beside it, such as those that an index names, are
// found under the same address. Error(kUsage) for an address or a variable that can't be,
// Error(kNetwork) as in base/http.h.
RemotePlace open_remote(const std::string& path, bool allow_http);

}  // namespace mlc
