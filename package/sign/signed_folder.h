// The files of a model folder as a signature counts them: all regular files but those that every
// signer leaves out (.git, .gitattributes, .github, .gitignore at the top). Hidden files and
// leftovers count, since what is not signed must not go unseen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "package/sign/signature.h"

namespace mlc {

struct FolderListing {
  struct File {
    std::string name;  // relative, '/'-separated
    std::uint64_t size = 0;
  };
  std::vector<File> files;  // by code point
  // Names that can't be signed, and why: symbolic links, FIFOs, sockets, devices, names that are
  // not safe everywhere. The links of Hugging Face's cache (snapshots/REVISION/NAME ->
  // ../../blobs/HASH) are files.
  std::vector<std::pair<std::string, std::string>> refused;
};

// Error(kUsage): no such folder; kBadInput: more than 65,536 files; kIo.
FolderListing list_signed_folder(const std::string& folder);

// Each file's digest; read by `threads` threads (0: all CPUs), with progress in bytes.
SignedFiles hash_signed_folder(const std::string& folder, const FolderListing& listing,
                               unsigned threads, Reporter& reporter);

// model.sig of the folder, made with this key and put in place as a whole. Error(kBadInput) names
// what can't be signed. Returns the number of files signed.
std::size_t sign_folder(const std::string& folder, const std::string& key_path, unsigned threads,
                        Reporter& reporter);

}  // namespace mlc
