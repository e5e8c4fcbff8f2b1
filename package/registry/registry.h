// OCI registries (distribution-spec 1.1): push and pull.
//
// Reference: [oci://]HOST[:PORT]/REPOSITORY[:TAG][@sha256:HEX]. http:// is used for this machine
// only, or with `allow_http`. Credentials: MLC_REGISTRY_USER and MLC_REGISTRY_PASSWORD, or the
// `auths` of $DOCKER_CONFIG/config.json (~/.docker/config.json); they go to that host, and to its
// token server only if that is the same host or was allowed by name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "package/digest.h"
#include "package/oci/layout.h"

namespace mlc {

struct RegistryOptions {
  bool allow_http = false;
  std::vector<std::string> token_hosts;  // that may be sent credentials besides the registry's own
  std::string ca_file;                   // PEM; besides the system's
  unsigned connections = 4;
};

struct TransferSummary {
  Digest manifest;
  std::size_t blobs = 0;          // transferred
  std::size_t blobs_present = 0;  // that were there already
  std::uint64_t bytes = 0;        // transferred
  double seconds = 0;
};

// The manifest of `place` with all that it names and its referrers: blobs first, the tag last.
TransferSummary push(const LayoutPlace& place, const std::string& reference,
                     const RegistryOptions& options, Reporter& reporter);
// Into the layout at `store` (made when absent), under the reference's tag, with its referrers.
TransferSummary pull(const std::string& reference, const std::string& store,
                     const RegistryOptions& options, Reporter& reporter);

}  // namespace mlc
