// What is held against a model's manifest before any of its files is fetched.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "package/oci/layout.h"
#include "package/oci/manifest.h"
#include "package/registry/registry.h"
#include "package/sign/signature.h"

namespace mlc {

// Annotation org.opencontainers.image.version; empty: none.
std::string version_of(const Manifest& manifest);
// Error(kVerify) when the package is older, or has no version.
void check_min_version(const std::string& version, const std::string& least,
                       const std::string& where);
// The store's index remembers what was pulled last under this tag; it changes only when a pull has
// succeeded. An older version than that may be a rollback.
void warn_of_older_version(const LayoutWriter& writer, const TransferSummary& pulled,
                           Reporter& reporter);

// A JSON object {REFERENCE: {"digest": ..., "version": ...}}. A reference that is in it has to have
// that digest; another one is added when it was pulled.
class PackageLock {
 public:
  PackageLock(std::string path, std::string reference);  // empty path: no lock
  void check(const Digest& found) const;                 // Error(kVerify)
  void record(const Digest& digest, const std::string& version) const;

 private:
  std::string path_, reference_;
};

struct SignatureCandidate {
  Digest manifest;
  Annotations annotations;
  std::string bundle;
};
// One of the bundles is a signature that holds, and what it signs are the layers of this model, all
// of them and nothing else. Error(kVerify) says why none is.
void check_model_signature(const Manifest& model, std::span<const SignatureCandidate> candidates,
                           const SignaturePolicy& policy, const std::string& where);

}  // namespace mlc
