// Manifests and indexes of OCI image-spec 1.1, as values: a strict reader and a canonical writer.
//
// Written bytes are canonical: keys sorted by code point, no white space, integers only, no final
// newline; so the same content has the same digest. Read bytes need not be canonical, and their
// digest is that of the bytes as they came. Unknown members are ignored, as the specification
// wants; members that are known and malformed are Error(kBadInput) with the offset.
//
// Limits: a manifest has at most 4 MiB and 8,192 layers, annotations at most 64 KiB a text; a
// document with both `config`/`layers` and `manifests` is refused, as are schemaVersion 1 and a
// mediaType that is not the one asked for. A descriptor's `data` must have its digest; `urls` are
// ignored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "package/digest.h"

namespace mlc {

using Annotations = std::map<std::string, std::string>;

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  Annotations annotations = {};
  // Only in subjects and replies of registries. Never written within an index: skopeo 1.9 drops it
  // there, which changes the digest.
  std::string artifact_type = {};
};

struct Manifest {
  std::string artifact_type;
  Descriptor config;
  std::vector<Descriptor> layers;
  std::optional<Descriptor> subject;
  Annotations annotations;
};

struct Index {
  std::vector<Descriptor> manifests;  // annotation kRefName is the tag
  Annotations annotations;
};

inline constexpr std::uint64_t kMaxManifest = std::uint64_t{4} << 20;
inline constexpr std::size_t kMaxLayers = 8192;
inline constexpr std::uint64_t kMaxConfig = std::uint64_t{1} << 20;

inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json";  // "{}"
inline constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";
inline constexpr std::string_view kTitle = "org.opencontainers.image.title";
// CNCF ModelPack, model-spec v0.0.7.
inline constexpr std::string_view kModelArtifact = "application/vnd.cncf.model.manifest.v1+json";
inline constexpr std::string_view kModelConfig = "application/vnd.cncf.model.config.v1+json";
inline constexpr std::string_view kFilePath = "org.cncf.model.filepath";
// Ours.
inline constexpr std::string_view kKernelsArtifact = "application/vnd.mlc.kernels.v1";
inline constexpr std::string_view kKernelsConfig = "application/vnd.mlc.kernels.config.v1+json";
// Signatures and attestations.
inline constexpr std::string_view kBundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

Manifest parse_manifest(std::string_view text, const std::string& where);
Index parse_index(std::string_view text, const std::string& where);
std::string dump_manifest(const Manifest& manifest);
std::string dump_index(const Index& index);
Descriptor descriptor_of(std::string_view media_type, std::string_view bytes);

}  // namespace mlc
