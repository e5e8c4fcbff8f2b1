// What a package says of how it came about: SLSA provenance v1 and a CycloneDX 1.6 ML-BOM, as
// in-toto statements about the model's manifest and files. They hold only what bytes prove:
// digests, what mlc-chat-config.json and the model card say, and this program's version.
// docs/formats.md, "Attestations".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "package/oci/layout.h"
#include "package/sign/signature.h"

namespace mlc {

class PrivateKey;

inline constexpr std::string_view kProvenancePredicate = "https://slsa.dev/provenance/v1";
inline constexpr std::string_view kBomPredicate = "https://cyclonedx.org/bom";

struct AttestedModel {
  Descriptor manifest;
  SignedFiles files;  // of the manifest's layers
  std::string name, version;
  std::string model_type, quantization;  // empty: not said
  std::string license;                   // as the model card says it; empty: nothing
  // The checkpoint that the model is said to be made of; empty: none was named.
  std::string source_name;
  SignedFiles source;
};

// Canonical JSON, without times: the same model gives the same bytes.
std::string provenance_statement(const AttestedModel& model);
std::string bom_statement(const AttestedModel& model);

// The digests of a checkpoint: all files of a folder, or one file. Error(kUsage): neither.
SignedFiles hash_source(const std::string& path, unsigned threads, Reporter& reporter);

// Both as referrers of the manifest, signed when there is a key; to be committed.
std::vector<LayoutWriter::Entry> add_attestations(LayoutWriter& layout, const AttestedModel& model,
                                                  const PrivateKey* key);

}  // namespace mlc
