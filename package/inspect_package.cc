#include "package/inspect_package.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "base/error.h"
#include "base/text_table.h"
#include "base/units.h"
#include "package/kernels/bundle_modules.h"
#include "runtime-min/device.h"

namespace mlc {
namespace {

std::string annotation(const Annotations& annotations, std::string_view key) {
  const auto found = annotations.find(std::string(key));
  return found == annotations.end() ? std::string() : found->second;
}

std::string kind_of(const Manifest& manifest) {
  if (manifest.artifact_type == kModelArtifact || manifest.config.media_type == kModelConfig)
    return "model";
  if (is_kernel_bundle(manifest)) return "kernels";
  if (manifest.artifact_type == kBundleType) return "signature or attestation";
  if (manifest.artifact_type == "application/vnd.in-toto+json") return "attestation";
  return manifest.artifact_type.empty() ? manifest.config.media_type : manifest.artifact_type;
}

std::string name_of(const Descriptor& layer) {
  const std::string path = annotation(layer.annotations, kFilePath);
  return path.empty() ? annotation(layer.annotations, kTitle) : path;
}

std::uint64_t bytes_of(const Manifest& manifest) {
  return std::accumulate(
      manifest.layers.begin(), manifest.layers.end(), std::uint64_t{0},
      [](std::uint64_t sum, const Descriptor& layer) { return sum + layer.size; });
}

std::uint64_t bytes_of(const KernelVariant& variant) {
  std::uint64_t sum = 0;
  for (const KernelFile& file : variant.files)
    sum += file.size;
  return sum;
}

Json texts(const std::vector<std::string>& lines) {
  Json list = Json::array();
  for (const std::string& line : lines)
    list.push(line);
  return list;
}

Json needs_json(const KernelVariant& variant) {
  std::vector<std::string> lines;
  for (const Requirement& r : variant.needs)
    lines.push_back(r.text());
  return texts(lines);
}

TextTable variant_table(const KernelBundle& bundle) {
  TextTable table({{.key = "id", .title = "variant"},
                   {.key = "api", .title = "api"},
                   {.key = "priority", .title = "priority", .right = true},
                   {.key = "modules", .title = "modules", .right = true},
                   {.key = "nbytes", .title = "bytes", .right = true},
                   {.key = "denied", .title = ""},
                   {.key = "requires", .title = "requires"}});
  for (const KernelVariant& v : bundle.variants)
    table.add({v.id, v.api, v.priority, std::uint64_t{v.files.size()}, bytes_of(v),
               std::uint64_t{v.deny.size()}, needs_json(v)});
  return table;
}

TextTable layer_table(const Manifest& manifest) {
  TextTable table({{.key = "name", .title = "layer"},
                   {.key = "media_type", .title = "type"},
                   {.key = "nbytes", .title = "bytes", .right = true},
                   {.key = "digest", .title = "digest"}});
  for (const Descriptor& layer : manifest.layers)
    table.add({name_of(layer), layer.media_type, layer.size, layer.digest.text()});
  return table;
}

std::string api_of(const ExplainedDevice& device) {
  const Json* api = device.profile.find("api");
  if (api == nullptr)
    bad_input("{}: there is no \"api\": no profile of a device, as mlc devices --json prints it",
              printable(device.name, 1000));
  return api->as_string(device.name + ": api");
}

std::string bundle_text(const InspectedManifest& m, const std::vector<ExplainedDevice>& devices) {
  const KernelBundle& bundle = *m.bundle;
  std::string text = fmt::format("  {} {}, ABI {}, {} kernels\n\n{}", bundle.name, bundle.version,
                                 bundle.abi_major, bundle.abi.size(), variant_table(bundle).text());
  for (const ExplainedDevice& device : devices) {
    const VariantChoice choice = select_variant(bundle, device.profile, api_of(device));
    text += fmt::format("\n{}: {}\n", printable(device.name, 1000),
                        choice.id.empty() ? "no variant fits" : choice.id);
    for (const std::string& line : choice.explained)
      text += fmt::format("  {}\n", line);
  }
  return text;
}

Json bundle_json(const KernelBundle& bundle, const std::vector<ExplainedDevice>& devices) {
  Json json = Json::object()
                  .set("name", bundle.name)
                  .set("version", bundle.version)
                  .set("abi_major", std::uint64_t{bundle.abi_major})
                  .set("kernels", std::uint64_t{bundle.abi.size()})
                  .set("covers", bundle.covers)
                  .set("provenance", bundle.provenance)
                  .set("variants", variant_table(bundle).json());
  Json explained = Json::array();
  for (const ExplainedDevice& device : devices) {
    const VariantChoice choice = select_variant(bundle, device.profile, api_of(device));
    explained.push(Json::object()
                       .set("device", device.name)
                       .set("variant", choice.id.empty() ? Json() : Json(choice.id))
                       .set("explained", texts(choice.explained)));
  }
  return json.set("explained", std::move(explained));
}

// One device, or the list that `mlc devices --json` prints.
void add_profiles(const Json& json, const std::string& name, std::vector<ExplainedDevice>& found) {
  if (const Json* devices = json.find("devices")) {
    for (const Json& device : devices->items(name + ": devices"))
      add_profiles(device, name, found);
    return;
  }
  const Json* id = json.find("id");
  const std::string whose =
      id != nullptr && id->is_string() ? fmt::format("{}: {}", name, id->as_string("id")) : name;
  const Json* profile = json.find("profile");
  if (profile != nullptr && profile->is_null()) return;  // the CPU's
  ExplainedDevice device{whose, profile != nullptr ? *profile : json};
  static_cast<void>(api_of(device));
  found.push_back(std::move(device));
}

}  // namespace

InspectedPackage inspect_package(const std::string& place) {
  const LayoutPlace at = parse_layout_place(place);
  const Layout layout(at.path);
  InspectedPackage package;
  package.path = place;
  std::vector<Descriptor> entries = layout.index().manifests;
  if (!at.tag.empty()) entries = {layout.find(at.tag)};
  for (const Descriptor& entry : entries) {
    InspectedManifest m;
    m.tag = annotation(entry.annotations, kRefName);
    m.descriptor = entry;
    m.manifest = layout.manifest(entry);
    m.kind = kind_of(m.manifest);
    if (m.kind == "kernels") m.bundle = read_kernel_bundle(layout, entry);
    package.manifests.push_back(std::move(m));
  }
  return package;
}

std::vector<ExplainedDevice> explained_devices(const std::string& device_or_file) {
  std::vector<ExplainedDevice> found;
  if (std::filesystem::exists(device_or_file)) {
    add_profiles(read_json_file(device_or_file), device_or_file, found);
    return found;
  }
  std::vector<std::string> missing;
  std::string there;
  for (const FoundDevice& device : list_devices(&missing)) {
    if (device.info.profile.is_null()) continue;
    there += fmt::format("{}{}", there.empty() ? "" : ", ", device.id);
    if (found.empty() && (device.id == device_or_file || device.info.backend == device_or_file ||
                          device_or_file == "auto"))
      found.push_back({fmt::format("{} ({})", device.id, device.info.name), device.info.profile});
  }
  if (found.empty())
    fail(ExitCode::kUnsupported,
         "--explain: {} is no file and no device with kernels of bundles; there are: {}",
         printable(device_or_file, 1000), there.empty() ? "none" : there);
  return found;
}

std::string package_text(const InspectedPackage& package) {
  TextTable table({{.key = "tag", .title = "tag"},
                   {.key = "kind", .title = "kind"},
                   {.key = "layers", .title = "layers", .right = true},
                   {.key = "nbytes", .title = "bytes", .right = true},
                   {.key = "digest", .title = "manifest"}});
  for (const InspectedManifest& m : package.manifests)
    table.add({m.tag.empty() ? Json() : Json(m.tag), m.kind,
               std::uint64_t{m.manifest.layers.size()}, bytes_of(m.manifest),
               m.descriptor.digest.text()});
  std::string text =
      fmt::format("{}: package, {} manifest{}\n\n{}", printable(package.path, 1024),
                  package.manifests.size(), package.manifests.size() == 1 ? "" : "s", table.text());
  for (const InspectedManifest& m : package.manifests) {
    text += fmt::format("\n{}: {}\n", printable(m.tag.empty() ? m.descriptor.digest.text() : m.tag),
                        printable(m.kind));
    for (const auto& [key, value] : m.manifest.annotations)
      text += fmt::format("  {:<34} {}\n", printable(key), printable(value));
    if (m.manifest.subject) text += fmt::format("  of {}\n", m.manifest.subject->digest.text());
    if (m.bundle != nullptr) text += bundle_text(m, package.devices);
    // Who asks about a device wants no list of files.
    if (package.devices.empty()) text += fmt::format("\n{}", layer_table(m.manifest).text());
  }
  return text;
}

Json package_json(const InspectedPackage& package) {
  Json manifests = Json::array();
  for (const InspectedManifest& m : package.manifests) {
    Json annotations = Json::object();
    for (const auto& [key, value] : m.manifest.annotations)
      annotations.set(key, value);
    manifests.push(
        Json::object()
            .set("tag", m.tag.empty() ? Json() : Json(m.tag))
            .set("kind", m.kind)
            .set("digest", m.descriptor.digest.text())
            .set("artifact_type", m.manifest.artifact_type)
            .set("subject", m.manifest.subject ? Json(m.manifest.subject->digest.text()) : Json())
            .set("annotations", std::move(annotations))
            .set("nbytes", bytes_of(m.manifest))
            .set("layers", layer_table(m.manifest).json())
            .set("bundle", m.bundle == nullptr ? Json() : bundle_json(*m.bundle, package.devices)));
  }
  return Json::object()
      .set("path", package.path)
      .set("format", "package")
      .set("manifests", std::move(manifests));
}

}  // namespace mlc
