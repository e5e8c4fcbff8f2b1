// Hashes of many files at once, in bounded memory: a file that can't be read spoils no other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/reporter.h"

namespace mlc {

struct FileHash {
  std::string path;
  std::uint64_t size = 0;  // that it has now
  bool wants_sha256 = false;
  // Results: lower-case hex, or why there are none.
  std::string md5 = {};
  std::string sha256 = {};
  std::string error = {};
};

// MD5 side by side (base/hash.h), spread over `threads` (0: all usable CPUs). Files are opened when
// their turn comes, 32 at one time and thread. Tells `reporter` the bytes as they are read.
void hash_files(std::vector<FileHash>& files, unsigned threads, Reporter& reporter);

}  // namespace mlc
