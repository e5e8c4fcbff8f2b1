#include "package/kernel_lock.h"

#include <vector>

#include "base/error.h"
#include "package/kernels/bundle.h"
#include "package/kernels/bundle_config.h"

namespace mlc {
namespace {

// A kernel bundle among what may also be models and signatures.
Descriptor find_bundle(const Layout& layout, const std::string& tag) {
  if (!tag.empty()) return layout.find(tag);
  std::vector<Descriptor> found;
  for (const Descriptor& entry : layout.index().manifests) {
    if (entry.media_type != kManifestType ||
        layout.manifest(entry).artifact_type != kKernelsArtifact)
      continue;
    if (found.empty() || found[0].digest != entry.digest) found.push_back(entry);
  }
  if (found.size() == 1) return found[0];
  fail(ExitCode::kUsage, "{}: holds {} kernel bundles, expected one; name it as {}:TAG",
       printable(layout.path(), 1024), found.empty() ? "no" : "several",
       printable(layout.path(), 1024));
}

}  // namespace

KernelLock lock_kernels(LayoutWriter& layout, const std::string& kernels) {
  KernelLock lock;
  if (kernels == "own") {
    lock.manifest = add_kernel_bundle(layout, MLC_VERSION);
  } else {
    LayoutPlace place = parse_layout_place(kernels);
    Layout from(place.path);
    lock.manifest = copy_kernel_bundle(layout, from, find_bundle(from, place.tag));
  }
  Manifest manifest =
      parse_manifest(layout.read(lock.manifest, kMaxManifest), "the kernel bundle's manifest");
  std::shared_ptr<const KernelBundle> bundle =
      parse_kernel_bundle(layout.read(manifest.config, kMaxConfig), "the kernel bundle's config");
  lock.annotations = {
      {"ai.mlc.kernels", lock.manifest.digest.text()},
      {"ai.mlc.kernels.name", bundle->name},
      {"ai.mlc.kernels.version", bundle->version},
      {"ai.mlc.kernels.abi", fmt::format(">={} <{}", bundle->abi_major, bundle->abi_major + 1)},
  };
  return lock;
}

}  // namespace mlc
