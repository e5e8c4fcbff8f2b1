// The files of a model folder, as a package, a signature and an app bundle take them: regular files
// only, in folders only, by names that are safe everywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/reporter.h"
#include "package/digest.h"

namespace mlc {

struct ModelFile {
  std::string name;  // relative, '/'-separated, UTF-8; sorted by code point
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  // to notice a file that changes while it is read
};

// Symbolic links in the folder: none are taken, or (kHubSnapshot) only those of a snapshot in the
// hub's cache, snapshots/COMMIT/NAME -> ../../blobs/HASH, and only to files there.
enum class Links { kRefuse, kHubSnapshot };

// Everything below `folder`. Refused, Error(kBadInput) with the path: symbolic links, FIFOs,
// sockets, devices, files with the setuid or setgid bit; names that check_file_names()
// (package/file_names.h) refuses; more than 8,192 files. Nothing is opened that could block. Left
// out at the top level: .git, .gitattributes, .github, .gitignore (as OpenSSF Model Signing has
// it), .cache, and .mlc-partial. Folders without files leave no trace. Error(kUsage): no such
// folder.
std::vector<ModelFile> list_model_files(const std::string& folder, Links links = Links::kRefuse);

// Opened beneath the folder, without following links (openat2 with RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS; component by component with O_NOFOLLOW where the kernel lacks it).
InputFile open_beneath(const std::string& folder, const std::string& name,
                       Links links = Links::kRefuse);

// A file of a model folder that must not change while it is read.
class ModelFileReader {
 public:
  // Error(kIo) "changed during packaging" when its size or time are not those of the listing.
  ModelFileReader(const std::string& folder, const ModelFile& file, Links links = Links::kRefuse);
  ~ModelFileReader();
  ModelFileReader(const ModelFileReader&) = delete;
  ModelFileReader& operator=(const ModelFileReader&) = delete;
  void read(std::uint64_t offset, std::span<std::byte> out) const;
  // After the last read: the same Error when it changed since.
  void check_unchanged() const;

 private:
  std::string path_;
  ModelFile file_;
  int fd_ = -1;
};

// Reads a file once in blocks and hashes it, with a ModelFileReader.
Digest read_model_file(const std::string& folder, const ModelFile& file,
                       const std::function<void(std::span<const std::byte>)>& take,
                       Links links = Links::kRefuse);

// The digests of all, in order, read by `threads` threads (0: all CPUs); progress in bytes.
std::vector<Digest> hash_model_files(const std::string& folder, std::span<const ModelFile> files,
                                     unsigned threads, Reporter& reporter,
                                     Links links = Links::kRefuse);

}  // namespace mlc
