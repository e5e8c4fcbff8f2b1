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
#include <string_view>

#include "base/reporter.h"
#include "package/oci/layout_files.h"

namespace mlc {

// By its first bytes, those of a tar or of a zstd frame. Never throws.
bool looks_like_tar(const std::string& path);

// Is this the name of a tar: "*.tar", "*.tar.zst"?
bool is_tar_name(std::string_view path);

// A tar that is made of a layout: the layout is written first, into a folder beside it, then the
// tar, which appears by a rename. Both leftovers of a killed run are `mlc gc`'s to remove.
class TarOutput {
 public:
  // Error(kUsage): there is such a file already, unless it may be overwritten.
  TarOutput(const std::string& path, bool overwrite);
  ~TarOutput();  // the folder goes; the tar too, without finish()
  TarOutput(const TarOutput&) = delete;
  TarOutput& operator=(const TarOutput&) = delete;
  // Where the layout is to be written.
  const std::string& layout() const { return folder_; }
  void finish(Reporter& reporter);

 private:
  std::string path_;
  std::string folder_;
  std::string partial_;
  bool overwrite_;
};

}  // namespace mlc
