// Links of the hub's cache: snapshots/COMMIT/NAME -> ../../blobs/HASH.
#pragma once

#include <string>

namespace mlc {

// The folder of the cache that holds snapshots/ and blobs/, or empty when `folder` is no snapshot.
std::string cache_of_snapshot(const std::string& folder);

// The hash that the link `name` below the snapshot `root` (a descriptor) names; empty when it is
// no such link.
std::string blob_of_link(int root, const std::string& name);

}  // namespace mlc
