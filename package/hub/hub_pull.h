// Models of the Hugging Face hub into the cache that huggingface_hub uses, so that both share it
// (package/hub/hub_cache.h). Every file is checked: large ones by the SHA-256 that the hub states
// for them, small ones by their git blob hash; those that are in the cache already as well, so that
// damage on disk is found and fetched again.
//
// A branch is resolved to its commit first, and everything else is asked of that commit. Files that
// were interrupted, also by a killed process, go on where they stopped. Two processes that pull the
// same model share the work; without working locks they do it twice, and the result is the same.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/reporter.h"

namespace mlc {

struct HubPullOptions {
  bool allow_http = false;
  std::string ca_file;  // PEM; besides the system's
  unsigned connections = 4;
  // Only files that match one of `include` (all, when there is none) and none of `exclude`; as in
  // huggingface_hub, '*' matches '/' too, and a pattern that ends in '/' means the folder.
  std::vector<std::string> include = {};
  std::vector<std::string> exclude = {};
  // Of those that are left, the ones that are wanted. `read` fetches a small file and gives its
  // text. Null: all.
  using ReadText = std::function<std::string(const std::string& name)>;
  std::function<std::vector<std::string>(const std::vector<std::string>& names,
                                         const ReadText& read)>
      choose = {};
};

struct HubSnapshot {
  std::string folder;  // .../snapshots/COMMIT
  std::string commit;
  std::vector<std::string> files;  // that were asked for; all are there
  std::uint64_t bytes = 0;         // of them
  std::uint64_t downloaded_bytes = 0;
  double seconds = 0;
};

// "HF://owner/name[@revision][/file or folder]". HF_TOKEN, HF_TOKEN_PATH, HF_ENDPOINT, HF_HOME,
// HF_HUB_OFFLINE and the time-outs count as in huggingface_hub (base/hub_address.h). Errors:
// kNetwork; kNetwork too when HF_HUB_OFFLINE is set and the cache lacks files, which the message
// lists; kVerify for content that is not what the hub says; kBadInput for names that can't be used.
HubSnapshot pull_hub(const std::string& address, const HubPullOptions& options, Reporter& reporter);

}  // namespace mlc
