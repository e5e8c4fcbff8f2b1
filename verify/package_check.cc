// The bytes of a package: every blob against its digest, the index against what OCI knows.
#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "verify/signed.h"
#include "verify/signed_parts.h"

namespace mlc {
namespace {

constexpr std::array<std::string_view, 6> kIndexMembers = {
    "schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"};
constexpr std::array<std::string_view, 8> kDescriptorMembers = {
    "mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"};

template <std::size_t N>
void check_members(const Json& object, const std::array<std::string_view, N>& known,
                   Findings& findings) {
  for (const Json::Member& member : object.members("index.json"))
    if (std::find(known.begin(), known.end(), member.first) == known.end())
      findings.add(rule_of(SignatureRule::kIndexMember), "index.json: " + member.first);
}

// A reader passes over what it does not know, and so over a name that was changed.
void check_index_members(const std::string& package, Findings& findings) {
  Json index = read_json_file(package + "/index.json", {.max_bytes = kMaxManifest});
  check_members(index, kIndexMembers, findings);
  const Json* entries = index.find("manifests");
  if (entries == nullptr) return;
  for (const Json& entry : entries->items("index.json: manifests")) {
    check_members(entry, kDescriptorMembers, findings);
    const Json* type = entry.find("mediaType");
    // A reader passes over such an entry, too.
    if (type != nullptr && type->is_string() && type->as_string({}) != kManifestType &&
        type->as_string({}) != kIndexType)
      findings.add(rule_of(SignatureRule::kIndexMember), "index.json: mediaType",
                   type->as_string({}), std::string(kManifestType));
  }
}

struct Part {
  Descriptor blob;
  std::string name;
};

void add_parts(const Manifest& manifest, const std::string& of, std::vector<Part>& parts) {
  parts.push_back({manifest.config, of + ": config"});
  for (const Descriptor& layer : manifest.layers) {
    auto name = layer.annotations.find(std::string(kFilePath));
    parts.push_back(
        {layer, name == layer.annotations.end() ? of + ": " + layer.digest.text() : name->second});
  }
}

// The kernels that the model is bound to, where they lie in the same layout.
void add_kernels(const Layout& layout, const Manifest& model, std::vector<Part>& parts) {
  auto bound = model.annotations.find("ai.mlc.kernels");
  if (bound == model.annotations.end()) return;
  for (const Descriptor& entry : layout.index().manifests)
    if (entry.media_type == kManifestType && entry.digest.text() == bound->second)
      return add_parts(layout.manifest(entry), "kernels", parts);
}

}  // namespace

std::string check_package(const VerifyOptions& options, const Layout& layout,
                          const Descriptor& model, VerifyReport& report, Reporter& reporter) {
  std::size_t errors = report.findings.count(Severity::kError);
  if (!layout.blob_path(model.digest).empty()) check_index_members(layout.path(), report.findings);
  std::vector<Part> all;
  add_parts(layout.manifest(model), "model", all);
  for (const auto& [entry, manifest] : layout.referrers(model.digest))
    add_parts(manifest, entry.digest.text(), all);
  add_kernels(layout, layout.manifest(model), all);
  std::vector<Part> parts;
  std::set<Digest> seen;
  std::uint64_t total = 0;
  for (Part& part : all) {
    if (!seen.insert(part.blob.digest).second) continue;
    total += part.blob.size;
    parts.push_back(std::move(part));
  }
  reporter.begin("package", total);
  parallel_for(options.threads == 0 ? default_threads() : options.threads, parts.size(),
               [&](std::size_t i, unsigned) {
                 try {
                   layout.stream(parts[i].blob, [&](std::span<const std::byte> block) {
                     reporter.advance(block.size());
                   });
                 } catch (const Error& error) {
                   report.findings.add(rule_of(SignatureRule::kBlob), parts[i].name, error.what());
                 }
               });
  reporter.end();
  report.package = {
      .digest = model.digest.text(), .blobs = parts.size() + 1, .bytes = total + model.size};
  return report.findings.count(Severity::kError) > errors ? "the package is damaged"
                                                          : std::string();
}

}  // namespace mlc
