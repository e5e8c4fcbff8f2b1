// What names a package in a registry: [oci://]HOST[:PORT]/REPOSITORY[:TAG][@sha256:HEX].
#pragma once

#include <optional>
#include <string>

#include "package/digest.h"

namespace mlc {

struct RegistryReference {
  std::string host;        // "registry.example.org", "127.0.0.1:5000", "[::1]:5000"; lower case
  std::string repository;  // "team/model"
  std::string tag;         // empty: none was given
  std::optional<Digest> digest;

  std::string text() const;  // as above, without oci://
  // What manifests are asked for by: the digest, or the tag ("latest" when there is neither).
  std::string target() const;
};

// Error(kUsage) for what the distribution specification does not allow, and for a first part that
// can't be told from a repository's (no '.', no port, not localhost).
RegistryReference parse_registry_reference(const std::string& text);
bool is_registry_repository(std::string_view repository);

}  // namespace mlc
