// The front door of package/: a model folder becomes a package, and a package a model folder.
//
//   package_model({.model = "dist/Llama-3-8B-q4f16_1-MLC", .output = "pkg"}, reporter);
//   unpack({.package = "pkg", .output = "dist/copy"}, reporter);   // byte for byte the same folder
//
// A package is an OCI image layout (package/oci/layout.h) after the CNCF ModelPack specification:
// one manifest a model, one raw layer a file, so that a layer's digest is its file's SHA-256.
// docs/formats.md, "Packages", has every document, media type and annotation. The same folder and
// options give the same bytes, whatever the threads, umask, locale, clock or order of folders;
// times are SOURCE_DATE_EPOCH, or 0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "package/digest.h"
#include "package/model_files.h"

namespace mlc {

struct PackageOptions {
  std::string model;              // folder; what `mlc convert_weight` and `mlc gen_config` wrote
  Links links = Links::kRefuse;   // what symbolic links in it may be
  std::string output;             // layout folder; "*.tar" or "*.tar.zst" for one file
  std::string name;               // empty: the folder's name
  std::string version = "0.1.0";  // semantic version; the tag is NAME-VERSION unless `tag` is given
  std::string tag;
  std::string kernels;      // layout with a kernel bundle; "own": the program's; empty: none
  std::string sign_key;     // PEM private key; empty: unsigned
  bool attest = true;       // SLSA provenance and CycloneDX ML-BOM as referrers
  std::string source = {};  // the checkpoint, whose digests they name; empty: not said
  bool overwrite = false;   // a tag that stands for other content is given to this
  unsigned threads = 0;
};

struct PackageSummary {
  Digest manifest;
  std::string tag;
  std::size_t files = 0;
  std::uint64_t bytes = 0;          // of the files
  std::uint64_t written_bytes = 0;  // less what the layout had already
  std::uint64_t estimated_vram_bytes = 0;
  bool was_there = false;  // the tag stood for just this already
  double seconds = 0;
};

// Errors: kBadInput for a folder that is no sound model folder (package/model_files.h; its tensor
// cache is checked record by record), kUsage for options, kIo.
PackageSummary package_model(const PackageOptions& options, Reporter& reporter);

struct UnpackOptions {
  std::string package;     // layout, "layout:tag" or tar
  std::string output;      // folder that does not exist, or an empty one
  bool overwrite = false;  // an existing folder is replaced as a whole
  unsigned threads = 0;
};
struct UnpackSummary {
  Digest manifest;
  std::size_t files = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
};
// The folder appears whole or not at all. Error(kVerify) when a blob is not what its digest says,
// kBadInput for layers whose names may not be used.
UnpackSummary unpack(const UnpackOptions& options, Reporter& reporter);

}  // namespace mlc
