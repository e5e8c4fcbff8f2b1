// Models of the Hugging Face hub into the cache that huggingface_hub uses, so that both share it:
// $HF_HOME/hub/models--OWNER--NAME/{blobs,refs,snapshots}. Every file is checked: large ones by the
// SHA-256 that the hub states for them, small ones by their git blob hash.
#pragma once

#include <string>
#include <vector>

#include "base/reporter.h"

namespace mlc {

struct HubPullOptions {
  bool allow_http = false;
  unsigned connections = 4;
  // Only files for which this holds; null: all.
  bool (*wanted)(std::string_view name) = nullptr;
};

struct HubSnapshot {
  std::string folder;  // .../snapshots/<commit>
  std::string commit;
  std::uint64_t downloaded_bytes = 0;
};

// "HF://owner/name[@revision]". HF_TOKEN, HF_TOKEN_PATH, HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE and
// the time-outs count as in huggingface_hub. Error(kNetwork), and offline with an incomplete cache
// kNetwork with what is missing.
HubSnapshot pull_hub(const std::string& address, const HubPullOptions& options, Reporter& reporter);

}  // namespace mlc
