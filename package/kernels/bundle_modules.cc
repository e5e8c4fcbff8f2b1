#include "package/kernels/bundle_modules.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/parallel.h"
#include "package/kernels/module_check.h"

namespace mlc {
namespace {

// Of a model's manifest: the digest of the manifest of its kernels (package/kernel_lock.h).
constexpr std::string_view kBoundKernels = "ai.mlc.kernels";

std::string_view layer_type(const KernelVariant& variant) {
  return variant.api == "opencl" ? kOpenclLayer : kSpirvLayer;
}

std::string tags_text(const Layout& layout) {
  std::vector<std::string> tags;
  for (const Descriptor& entry : layout.index().manifests)
    if (const auto tag = entry.annotations.find(std::string(kRefName));
        tag != entry.annotations.end())
      tags.push_back(tag->second);
  return tags.empty() ? "there are no tags" : "tags: " + printable_list(tags);
}

std::string lines_text(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += (text.empty() ? "" : "; ") + line;
  return text;
}

}  // namespace

bool is_kernel_bundle(const Manifest& manifest) {
  return manifest.artifact_type == kKernelsArtifact || manifest.config.media_type == kKernelsConfig;
}

Descriptor find_kernel_bundle(const Layout& layout, const std::string& tag) {
  const std::string where = printable(layout.path(), 1000);
  if (!tag.empty()) {
    Descriptor found = layout.find(tag);
    const Manifest manifest = layout.manifest(found);
    if (is_kernel_bundle(manifest)) return found;
    const auto bound = manifest.annotations.find(std::string(kBoundKernels));
    if (bound == manifest.annotations.end())
      fail(ExitCode::kUsage, "{}: {} is no kernel bundle and has none of its own; {}", where,
           printable(tag), tags_text(layout));
    const Digest digest = Digest::parse(bound->second, where + ": " + bound->first);
    for (const Descriptor& entry : layout.index().manifests)
      if (entry.digest == digest) return entry;
    bad_input("{}: {} is bound to the kernels {}, which are not in it", where, printable(tag),
              digest.text());
  }
  std::vector<Descriptor> found;
  for (const Descriptor& entry : layout.index().manifests)
    if (is_kernel_bundle(layout.manifest(entry)) &&
        std::none_of(found.begin(), found.end(),
                     [&](const Descriptor& f) { return f.digest == entry.digest; }))
      found.push_back(entry);
  if (found.size() == 1) return found.front();
  fail(ExitCode::kUsage, "{}: {}; {}", where,
       found.empty() ? "there is no kernel bundle in it"
                     : fmt::format("there are {} kernel bundles in it, name one as {}:TAG",
                                   found.size(), where),
       tags_text(layout));
}

std::shared_ptr<const KernelBundle> read_kernel_bundle(const Layout& layout,
                                                       const Descriptor& descriptor) {
  const std::string where =
      fmt::format("{}: kernels {}", printable(layout.path(), 1000), descriptor.digest.text());
  const Manifest manifest = layout.manifest(descriptor);
  if (manifest.artifact_type != kKernelsArtifact || manifest.config.media_type != kKernelsConfig)
    bad_input("{}: no kernel bundle: artifactType \"{}\", config \"{}\"", where,
              printable(manifest.artifact_type), printable(manifest.config.media_type));
  auto bundle = parse_kernel_bundle(layout.read(manifest.config, kMaxConfig), where);
  std::set<std::pair<Digest, std::uint64_t>> layers;
  for (const Descriptor& layer : manifest.layers)
    layers.emplace(layer.digest, layer.size);
  for (const KernelVariant& variant : bundle->variants)
    for (const KernelFile& file : variant.files)
      if (layers.count({file.digest, file.size}) == 0)
        bad_input("{}: variant {}, module {}: {} of {} bytes is no layer of the bundle", where,
                  variant.id, file.module, file.digest.text(), file.size);
  return bundle;
}

std::string read_module(const Layout& layout, const KernelVariant& variant,
                        const KernelFile& file) {
  return layout.read(
      {.media_type = std::string(layer_type(variant)), .digest = file.digest, .size = file.size},
      kMaxModule);
}

void check_abi(const KernelBundle& bundle) {
  if (bundle.abi_major != kAbiMajor)
    fail(ExitCode::kUnsupported, "{}: its kernels have ABI {}, this program calls ABI {}",
         bundle.where, bundle.abi_major, kAbiMajor);
  for (const KernelAbi& own : own_abi()) {
    const KernelAbi* theirs = bundle.find(own.name);
    if (theirs == nullptr)
      bad_input("{}: ABI {} has kernel {}, the bundle does not", bundle.where, kAbiMajor, own.name);
    if (theirs->args.size() != own.args.size())
      bad_input("{}: kernel {} has {} arguments, ABI {} has {}", bundle.where, own.name,
                theirs->args.size(), kAbiMajor, own.args.size());
    if (theirs->args != own.args || theirs->push != own.push || theirs->spec != own.spec)
      bad_input("{}: kernel {} is called in another way than ABI {} says", bundle.where, own.name,
                kAbiMajor);
  }
}

Descriptor copy_kernel_bundle(LayoutWriter& layout, const Layout& from,
                              const Descriptor& descriptor) {
  const auto bundle = read_kernel_bundle(from, descriptor);
  check_abi(*bundle);
  // The same module stands in several variants, which ask different things of it.
  for (const KernelVariant& variant : bundle->variants) {
    throw_if_cancelled();
    check_entries(*bundle, variant);
    for (const KernelFile& file : variant.files)
      check_module(*bundle, variant, file, read_module(from, variant, file));
  }
  const Manifest manifest = from.manifest(descriptor);
  for (const Descriptor& layer : manifest.layers)
    layout.add(layer.media_type, from.read(layer, kMaxModule));
  layout.add(kKernelsConfig, from.read(manifest.config, kMaxConfig));
  return layout.add(kManifestType, from.read(descriptor, kMaxManifest));
}

std::shared_ptr<const KernelModules> load_kernel_modules(const Layout& layout,
                                                         const Descriptor& manifest,
                                                         const DeviceProfile& device,
                                                         std::string_view api,
                                                         VariantChoice* choice) {
  const auto bundle = read_kernel_bundle(layout, manifest);
  check_abi(*bundle);
  VariantChoice chosen = select_variant(*bundle, device, api);
  if (choice != nullptr) *choice = chosen;
  if (chosen.id.empty())
    fail(ExitCode::kUnsupported, "{}: no variant fits this device: {}", bundle->where,
         lines_text(chosen.explained));
  const auto variant = std::find_if(bundle->variants.begin(), bundle->variants.end(),
                                    [&](const KernelVariant& v) { return v.id == chosen.id; });
  check_entries(*bundle, *variant);
  auto modules = std::make_shared<KernelModules>();
  modules->name = fmt::format("bundle {} {}, variant {}", bundle->name, bundle->version, chosen.id);
  for (const KernelFile& file : variant->files) {
    throw_if_cancelled();
    std::string bytes = read_module(layout, *variant, file);
    check_module(*bundle, *variant, file, bytes);
    if (variant->api == "opencl") {
      modules->opencl.emplace(file.module, std::move(bytes));
    } else {
      std::vector<std::uint32_t> words(bytes.size() / 4);
      std::memcpy(words.data(), bytes.data(), bytes.size());
      modules->spirv.emplace(file.module, std::move(words));
    }
  }
  return modules;
}

}  // namespace mlc
