// Two packages as packages: which layers and kernels differ, and what an update costs.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "package/oci/layout.h"
#include "package/sign/referrer.h"
#include "verify/diff_parts.h"

namespace mlc {
namespace {

// Of a model's manifest: the digest of its kernels' manifest.
constexpr std::string_view kKernels = "ai.mlc.kernels";

std::string kernels_of(const Manifest& manifest) {
  auto found = manifest.annotations.find(std::string(kKernels));
  return found == manifest.annotations.end() ? std::string() : found->second;
}

using Blobs = std::map<Digest, std::uint64_t>;

void add_blobs(const Descriptor& descriptor, const Manifest& manifest, Blobs& blobs) {
  blobs.emplace(descriptor.digest, descriptor.size);
  blobs.emplace(manifest.config.digest, manifest.config.size);
  for (const Descriptor& layer : manifest.layers)
    blobs.emplace(layer.digest, layer.size);
}

// All that a pull brings: the model, what refers to it, and its kernels where the layout has them.
Blobs blobs_of(const DiffPackage& package) {
  Blobs blobs;
  const Layout& layout = *package.layout;
  add_blobs(package.model, package.manifest, blobs);
  for (const auto& [descriptor, manifest] : layout.referrers(package.model.digest))
    add_blobs(descriptor, manifest, blobs);
  std::string kernels = kernels_of(package.manifest);
  for (const Descriptor& entry : layout.index().manifests)
    if (!kernels.empty() && entry.digest.text() == kernels)
      add_blobs(entry, layout.manifest(entry), blobs);
  return blobs;
}

std::map<std::string, Descriptor> layers_of(const DiffPackage& package) {
  std::map<std::string, Descriptor> layers;
  SignedFiles names = files_of(package.manifest, package.model.digest.text());
  for (const auto& [name, digest] : names)
    for (const Descriptor& layer : package.manifest.layers)
      if (layer.digest == digest) layers.emplace(name, layer);
  return layers;
}

}  // namespace

std::optional<DiffPackage> open_diff_package(const std::string& text) {
  LayoutPlace place = parse_layout_place(text);
  if (!is_layout(place.path)) return std::nullopt;
  DiffPackage package;
  package.layout = std::make_shared<const Layout>(place.path);
  package.model = package.layout->find(place.tag);
  package.manifest = package.layout->manifest(package.model);
  if (package.manifest.artifact_type != kModelArtifact)
    bad_input("{}: {} is no model but of type {}", printable(text, 1000),
              package.model.digest.text(), printable(package.manifest.artifact_type));
  return package;
}

PackageDifference diff_packages(const DiffPackage& a, const DiffPackage& b) {
  PackageDifference out;
  out.a = a.model.digest.text();
  out.b = b.model.digest.text();
  std::map<std::string, Descriptor> layers_a = layers_of(a), layers_b = layers_of(b);
  std::set<std::string> names;
  for (const auto* layers : {&layers_a, &layers_b})
    for (const auto& [name, layer] : *layers)
      names.insert(name);
  for (const std::string& name : names) {
    auto in_a = layers_a.find(name), in_b = layers_b.find(name);
    LayerDifference difference{name, {}, {}};
    if (in_a != layers_a.end()) difference.a = in_a->second.size;
    if (in_b != layers_b.end()) difference.b = in_b->second.size;
    if (difference.a && difference.b && in_a->second.digest == in_b->second.digest)
      out.equal_layers++;
    else
      out.layers.push_back(std::move(difference));
  }
  out.kernels_a = kernels_of(a.manifest);
  out.kernels_b = kernels_of(b.manifest);
  Blobs there = blobs_of(a);
  for (const auto& [digest, size] : blobs_of(b)) {
    if (there.count(digest) > 0) continue;
    out.fetch_blobs++;
    out.fetch_bytes += size;
  }
  return out;
}

}  // namespace mlc
