#include "package/sign/referrer.h"

#include "base/error.h"
#include "base/json.h"
#include "base/relative_path.h"
#include "base/utf8.h"
#include "package/sign/dsse.h"
#include "package/sign/key.h"
#include "package/sign/statement.h"

namespace mlc {
namespace {

const std::string& annotation(const Annotations& annotations, std::string_view key) {
  static const std::string kNone;
  auto found = annotations.find(std::string(key));
  return found == annotations.end() ? kNone : found->second;
}

// The name of a model for its signature's subject: what it is called in the config.
std::string name_of_model(const Layout& layout, const Manifest& model, const std::string& where) {
  Json config = parse_json(layout.read(model.config, kMaxConfig), where + ": config");
  const Json* descriptor = config.find("descriptor");
  const Json* name = descriptor == nullptr ? nullptr : descriptor->find("name");
  if (name != nullptr && name->is_string() && !name->as_string({}).empty())
    return name->as_string({});
  return "model";
}

Attached read_attached(const Layout& layout, const Descriptor& entry, const Manifest& manifest) {
  const Descriptor& layer = manifest.layers[0];
  Attached out{entry, layer.media_type == kBundleType, layout.read(layer, kMaxBundle), {}};
  try {
    std::string payload = out.bundle ? parse_bundle(out.text, {}).payload : out.text;
    out.predicate_type = predicate_type_of(payload, {});
  } catch (const Error&) {
    // Whoever checks it says what is wrong.
  }
  return out;
}

}  // namespace

SignedFiles files_of(const Manifest& model, const std::string& where) {
  SignedFiles files;
  for (const Descriptor& layer : model.layers) {
    std::string name = annotation(layer.annotations, kFilePath);
    if (name.empty()) name = annotation(layer.annotations, kTitle);
    std::string_view problem = relative_path_problem(name);
    if (problem.empty() && find_invalid_utf8(name) != std::string_view::npos)
      problem = "it is no UTF-8";
    if (!problem.empty())
      bad_input("{}: layer {} is called \"{}\": {}", where, layer.digest.text(), printable(name),
                problem);
    if (!files.emplace(name, layer.digest).second)
      bad_input("{}: two layers are called {}", where, printable(name));
  }
  return files;
}

Descriptor add_statement(LayoutWriter& layout, const Descriptor& subject,
                         std::string_view statement, std::string_view predicate_type,
                         const PrivateKey* key) {
  std::string_view type = key == nullptr ? kInTotoType : kBundleType;
  Descriptor layer =
      layout.add(type, key == nullptr ? std::string(statement) : write_bundle(statement, *key));
  Manifest manifest;
  manifest.artifact_type = type;
  manifest.config = layout.add(kEmptyType, "{}");
  manifest.layers = {layer};
  manifest.subject = Descriptor{subject.media_type, subject.digest, subject.size};
  manifest.annotations[std::string(kPredicateType)] = predicate_type;
  return layout.add(kManifestType, dump_manifest(manifest));
}

Descriptor add_signature(LayoutWriter& layout, const Descriptor& subject, const Manifest& model,
                         const std::string& name, const PrivateKey& key) {
  SignedFiles files = files_of(model, subject.digest.text());
  // That of the folder is a file of the package, and not part of what is signed.
  files.erase(std::string(kSignatureFile));
  return add_statement(layout, subject, write_statement(files, name), kSignaturePredicate, &key);
}

std::vector<Attached> attached_statements(const Layout& layout, const Digest& subject) {
  std::vector<Attached> out;
  for (const auto& [entry, manifest] : layout.referrers(subject))
    if (manifest.layers.size() == 1 && (manifest.layers[0].media_type == kBundleType ||
                                        manifest.layers[0].media_type == kInTotoType))
      out.push_back(read_attached(layout, entry, manifest));
  return out;
}

Descriptor sign_package(const LayoutPlace& place, const std::string& key_path, Reporter& reporter) {
  PrivateKey key = PrivateKey::read(key_path, reporter);
  Layout layout(place.path);
  Descriptor subject = layout.find(place.tag);
  Manifest model = layout.manifest(subject);
  if (model.artifact_type != kModelArtifact)
    bad_input("{}: {} is no model but of type {}", printable(place.path, 1000),
              subject.digest.text(), printable(model.artifact_type));
  std::string where = printable(place.path, 1000);
  if (layout.blob_path(subject.digest).empty())
    fail(ExitCode::kUnsupported,
         "{}: a package in one file can't be added to; sign it when it is made (mlc package "
         "--sign-key), or sign a folder",
         where);
  std::string name = name_of_model(layout, model, where);
  LayoutWriter writer(place.path, 600, [&](const std::string& text) { reporter.note(text); });
  LayoutWriter::Entry entry{add_signature(writer, subject, model, name, key), ""};
  writer.commit(std::span(&entry, 1));
  return entry.manifest;
}

}  // namespace mlc
