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

// Everything below `folder`. Refused, Error(kBadInput) with the path: symbolic links, FIFOs,
// sockets, devices, files with the setuid or setgid bit; names that relative_path_problem()
// refuses, that are not UTF-8, or that differ only by case or by Unicode normalization; more than
// 8,192 files. Nothing is opened that could block. Left out at the top level: .git, .gitattributes,
// .github, .gitignore (as OpenSSF Model Signing has it), .cache, and .mlc-partial. Error(kUsage):
// no such folder.
std::vector<ModelFile> list_model_files(const std::string& folder);

// Opened beneath the folder, without following links (openat2 with RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS; component by component with O_NOFOLLOW where the kernel lacks it).
InputFile open_beneath(const std::string& folder, const std::string& name);

// Reads a file once in blocks and hashes it. Error(kIo) "changed during packaging" when size or
// time differ afterwards.
Digest read_model_file(const std::string& folder, const ModelFile& file,
                       const std::function<void(std::span<const std::byte>)>& take);

// The digests of all, in order, read by `threads` threads; progress in bytes.
std::vector<Digest> hash_model_files(const std::string& folder, std::span<const ModelFile> files,
                                     unsigned threads, Reporter& reporter);

}  // namespace mlc
