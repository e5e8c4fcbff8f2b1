// Tar files of layouts: the strict reader and the deterministic writer of one small subset.
//
// Written are ustar entries only: the folders and files of a layout in the order of their names,
// mode 0755 and 0644, owner 0 without a name, time SOURCE_DATE_EPOCH (or 0); two zero blocks end
// it. So one layout has one tar. "*.tar.zst" is that in one zstd frame that states its size and has
// a checksum; it is for transport, never an identity.
//
// Read is the same subset and nothing else: regular files and folders with plain relative names,
// each name once, checksums right. Refused, Error(kBadInput): links, devices, GNU and PAX
// extensions (sparse files, long names, paths that override others), sizes beyond the file, bytes
// behind the end. Compressed input is expanded into a file without a name, at most to the size that
// its one frame declares.
#pragma once

#include <string>

#include "package/oci/layout_files.h"

namespace mlc {

// By its first bytes, those of a tar or of a zstd frame. Never throws.
bool looks_like_tar(const std::string& path);

}  // namespace mlc
