#include "package/sign/attestation.h"

#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "package/canonical_json.h"
#include "package/readme_license.h"
#include "package/sign/referrer.h"
#include "package/sign/signed_folder.h"
#include "package/sign/statement.h"

namespace mlc {
namespace {

// Names of ours, in no domain: what was done, and by what.
constexpr std::string_view kBuildType = "urn:x-mlc:package:v1";
constexpr std::string_view kBuilder = "urn:x-mlc:mlc";

Json named_digest(const std::string& name, const Digest& digest) {
  return Json::object().set("name", name).set("digest", Json::object().set("sha256", digest.hex()));
}

// The manifest, and each of its files.
std::string statement(const AttestedModel& model, std::string_view predicate_type, Json predicate) {
  Json subjects = Json::array();
  subjects.push(named_digest(model.name, model.manifest.digest));
  for (const auto& [name, digest] : model.files)
    subjects.push(named_digest(name, digest));
  return canonical_json(Json::object()
                            .set("_type", kStatementType)
                            .set("subject", std::move(subjects))
                            .set("predicateType", predicate_type)
                            .set("predicate", std::move(predicate)));
}

void set_if_known(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object.set(key, value);
}

Json file_component(const std::string& reference, const std::string& name, const Digest& digest) {
  Json hashes = Json::array();
  hashes.push(Json::object().set("alg", "SHA-256").set("content", digest.hex()));
  return Json::object()
      .set("type", "file")
      .set("bom-ref", reference + name)
      .set("name", name)
      .set("hashes", std::move(hashes));
}

// A number for the document that is always the same: version 8 of RFC 9562, from the digest.
std::string serial_number(const Digest& digest) {
  std::string h = digest.hex().substr(0, 32);
  h[12] = '8';
  h[16] = 'a';
  return fmt::format("urn:uuid:{}-{}-{}-{}-{}", h.substr(0, 8), h.substr(8, 4), h.substr(12, 4),
                     h.substr(16, 4), h.substr(20, 12));
}

Json tool() {
  return Json::object().set("type", "application").set("name", "mlc").set("version", MLC_VERSION);
}

// The model itself.
Json model_component(const AttestedModel& model) {
  Json hashes = Json::array();
  hashes.push(Json::object().set("alg", "SHA-256").set("content", model.manifest.digest.hex()));
  Json component = Json::object();
  component.set("type", "machine-learning-model")
      .set("bom-ref", "model")
      .set("name", model.name)
      .set("version", model.version)
      .set("hashes", std::move(hashes));
  if (!model.license.empty()) {
    Json licenses = Json::array();
    licenses.push(Json::object().set(
        "license",
        Json::object().set(is_spdx_license(model.license) ? "id" : "name", model.license)));
    component.set("licenses", std::move(licenses));
  }
  if (!model.model_type.empty())
    component.set("modelCard",
                  Json::object().set("modelParameters",
                                     Json::object().set("modelArchitecture", model.model_type)));
  if (!model.quantization.empty()) {
    Json properties = Json::array();
    properties.push(
        Json::object().set("name", "mlc:quantization").set("value", model.quantization));
    component.set("properties", std::move(properties));
  }
  if (model.source.empty()) return component;
  Json files = Json::array();
  for (const auto& [name, digest] : model.source)
    files.push(file_component("source/", name, digest));
  Json ancestors = Json::array();
  ancestors.push(Json::object()
                     .set("type", "machine-learning-model")
                     .set("bom-ref", "source")
                     .set("name", model.source_name)
                     .set("components", std::move(files)));
  return component.set("pedigree", Json::object().set("ancestors", std::move(ancestors)));
}

}  // namespace

std::string provenance_statement(const AttestedModel& model) {
  Json parameters = Json::object().set("name", model.name).set("version", model.version);
  set_if_known(parameters, "model_type", model.model_type);
  set_if_known(parameters, "quantization", model.quantization);
  Json definition = Json::object();
  definition.set("buildType", kBuildType).set("externalParameters", std::move(parameters));
  if (!model.source.empty()) {
    Json dependencies = Json::array();
    for (const auto& [name, digest] : model.source)
      dependencies.push(named_digest(name, digest));
    definition.set("resolvedDependencies", std::move(dependencies));
  }
  Json builder = Json::object().set("id", kBuilder);
  builder.set("version", Json::object().set("mlc", MLC_VERSION));
  return statement(model, kProvenancePredicate,
                   Json::object()
                       .set("buildDefinition", std::move(definition))
                       .set("runDetails", Json::object().set("builder", std::move(builder))));
}

std::string bom_statement(const AttestedModel& model) {
  Json files = Json::array(), references = Json::array();
  for (const auto& [name, digest] : model.files) {
    files.push(file_component("file/", name, digest));
    references.push("file/" + name);
  }
  Json dependencies = Json::array();
  dependencies.push(Json::object().set("ref", "model").set("dependsOn", std::move(references)));
  Json tools = Json::array();
  tools.push(tool());
  Json metadata = Json::object();
  metadata.set("tools", Json::object().set("components", std::move(tools)))
      .set("component", model_component(model));
  return statement(model, kBomPredicate,
                   Json::object()
                       .set("bomFormat", "CycloneDX")
                       .set("specVersion", "1.6")
                       .set("serialNumber", serial_number(model.manifest.digest))
                       .set("version", 1)
                       .set("metadata", std::move(metadata))
                       .set("components", std::move(files))
                       .set("dependencies", std::move(dependencies)));
}

SignedFiles hash_source(const std::string& path, unsigned threads, Reporter& reporter) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    FolderListing listing = list_signed_folder(path);
    if (!listing.refused.empty())
      bad_input("{}/{}: {}; the source can't be attested", printable(path, 1000),
                printable(listing.refused.front().first), listing.refused.front().second);
    return hash_signed_folder(path, listing, threads, reporter);
  }
  fs::path file(path);
  std::string folder = file.has_parent_path() ? file.parent_path().string() : ".";
  FolderListing listing;
  listing.files.push_back({file.filename().string(), fs::file_size(file)});
  return hash_signed_folder(folder, listing, threads, reporter);
}

std::vector<LayoutWriter::Entry> add_attestations(LayoutWriter& layout, const AttestedModel& model,
                                                  const PrivateKey* key) {
  return {{add_statement(layout, model.manifest, provenance_statement(model), kProvenancePredicate,
                         key),
           ""},
          {add_statement(layout, model.manifest, bom_statement(model), kBomPredicate, key), ""}};
}

}  // namespace mlc
