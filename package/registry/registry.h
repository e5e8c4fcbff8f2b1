// OCI registries (distribution-spec 1.1): push and pull.
//
// Reference: [oci://]HOST[:PORT]/REPOSITORY[:TAG][@sha256:HEX]. http:// is used for this machine
// only, or with `allow_http`. Credentials: MLC_REGISTRY_USER and MLC_REGISTRY_PASSWORD, or the
// `auths` of $DOCKER_CONFIG/config.json (~/.docker/config.json); they go to that host, and to its
// token server only if that is the same host or was allowed by name.
//
// docs/distribution.md has the requests, their order, and what is tried again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "package/digest.h"
#include "package/oci/layout.h"
#include "package/sign/signature.h"

namespace mlc {

struct RegistryOptions {
  bool allow_http = false;
  std::vector<std::string> token_hosts;  // that may be sent credentials besides the registry's own
  std::string ca_file;                   // PEM; besides the system's
  unsigned connections = 4;
  // push
  std::string mount_from;  // another repository of the registry that may have the blobs
  bool dry_run = false;    // ask what is there, and send nothing
  // pull
  SignaturePolicy signature;  // when wanted(): checked before any file is fetched
  std::string min_version;    // an older package is Error(kVerify)
  std::string lock_file;      // another digest than it names is Error(kVerify); written when done
};

struct TransferSummary {
  Digest manifest;
  std::string tag;                // in the layout (pull) or in the registry (push)
  std::string version;            // annotation of the manifest; empty: none
  std::size_t blobs = 0;          // transferred
  std::size_t blobs_present = 0;  // that were there already
  std::size_t referrers = 0;
  std::uint64_t bytes = 0;  // transferred
  double seconds = 0;
  bool signature_checked = false;
  std::vector<Descriptor> missing;  // with dry_run: what would be sent
};

// The manifest of `place` with all that it names and its referrers: blobs first, the tag last.
// Without a tag in the reference: the layout's, or "latest". Error(kBadInput) when the layout lacks
// a blob, Error(kNetwork) with what the registry says; then no tag has moved.
TransferSummary push(const LayoutPlace& place, const std::string& reference,
                     const RegistryOptions& options, Reporter& reporter);
// Into the layout at `store` (made when absent), under the reference's tag, with its referrers.
// What has arrived when it fails stays for the next time. Error(kVerify): bytes, sizes, signature
// or version are not what they should be; nothing of it is in the index then.
TransferSummary pull(const std::string& reference, const std::string& store,
                     const RegistryOptions& options, Reporter& reporter);

}  // namespace mlc
