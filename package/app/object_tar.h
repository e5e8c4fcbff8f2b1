// Model libraries as `mlc_llm compile --output lib.tar` writes them: a tar of object files, mostly
// compressed by gzip.
//
// Read are ustar and GNU's tar with regular files and folders. Refused, Error(kBadInput): links,
// devices, sparse files, long names and other extensions that change what a later entry means;
// names that are no plain relative paths, or come twice; wrong checksums; sizes beyond the file;
// anything behind the end; and more than 1 GiB when it is expanded. Entries that only say times and
// owners (PAX) are passed over.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

struct TarObject {
  std::string name;                  // "lib0.o"
  std::span<const std::byte> bytes;  // in the text that was read
};

// The text of the tar, expanded. `path` for messages.
std::string read_object_tar(const std::string& path);
// The files in it, in the order of their names. They point into `text`.
std::vector<TarObject> list_object_tar(std::string_view text, const std::string& path);

}  // namespace mlc
