#include "package/oci/manifest.h"

#include <algorithm>
#include <limits>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "package/canonical_json.h"

namespace mlc {
namespace {

// Manifests nest 4 deep. A string may be a descriptor's `data`, so it may be as long as all.
constexpr JsonLimits kLimits = {.max_bytes = kMaxManifest,
                                .max_depth = 16,
                                .max_string = kMaxManifest,
                                .max_values = std::size_t{1} << 20};
constexpr std::size_t kMaxText = std::size_t{64} << 10;

const Json& required(const Json& object, std::string_view key, const std::string& where) {
  const Json* value = object.find(key);
  if (value == nullptr) bad_input("{}: there is no \"{}\"", where, key);
  return *value;
}

std::string short_text(const Json& value, const std::string& where) {
  const std::string& text = value.as_string(where);
  if (text.size() > kMaxText)
    bad_input("{}: {} bytes of text, expected at most {}", where, text.size(), kMaxText);
  return text;
}

Annotations read_annotations(const Json& object, const std::string& where) {
  Annotations out;
  const Json* annotations = object.find("annotations");
  if (annotations == nullptr || annotations->is_null()) return out;
  std::string place = where + ": annotations";
  for (const Json::Member& member : annotations->members(place)) {
    if (member.first.size() > kMaxText)
      bad_input("{}: a name of {} bytes, expected at most {}", place, member.first.size(),
                kMaxText);
    out[member.first] = short_text(member.second, place + "." + printable(member.first));
  }
  return out;
}

Descriptor read_descriptor(const Json& json, const std::string& where) {
  if (!json.is_object()) bad_input("{}: expected a descriptor, an object", where);
  Descriptor out;
  out.media_type = short_text(required(json, "mediaType", where), where + ": mediaType");
  std::string place = where + ": digest";
  out.digest = Digest::parse(required(json, "digest", where).as_string(place), place);
  place = where + ": size";
  out.size = required(json, "size", where).as_size(place);
  if (out.size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    bad_input("{}: {} bytes are more than any file can have", place, out.size);
  out.annotations = read_annotations(json, where);
  if (const Json* type = json.find("artifactType"))
    out.artifact_type = short_text(*type, where + ": artifactType");
  if (const Json* data = json.find("data")) {
    place = where + ": data";
    std::optional<std::string> bytes = from_base64(data->as_string(place));
    if (!bytes) bad_input("{}: it is no base64", place);
    if (bytes->size() != out.size || Digest::of(*bytes) != out.digest)
      fail(ExitCode::kVerify, "{}: its {} bytes have the digest {}, expected {} and {} bytes",
           place, bytes->size(), Digest::of(*bytes).text(), out.digest.text(), out.size);
  }
  return out;
}

std::vector<Descriptor> read_descriptors(const Json& array, const std::string& where,
                                         std::size_t most) {
  const std::vector<Json>& items = array.items(where);
  if (items.size() > most)
    bad_input("{}: {} entries, expected at most {}", where, items.size(), most);
  std::vector<Descriptor> out;
  out.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); i++)
    out.push_back(read_descriptor(items[i], fmt::format("{}[{}]", where, i)));
  return out;
}

// The document, if it is of this type beyond doubt: what one reader takes for a manifest and
// another for an index would be two contents with one digest (CVE-2021-41190).
Json read_document(std::string_view text, const std::string& where, std::string_view type,
                   std::string_view other_members) {
  Json json = parse_json(text, where, kLimits);
  if (!json.is_object()) bad_input("{}: expected an object", where);
  std::uint64_t schema = required(json, "schemaVersion", where).as_size(where + ": schemaVersion");
  if (schema != 2) bad_input("{}: schemaVersion is {}, expected 2", where, schema);
  if (const Json* found = json.find("mediaType"))
    if (found->as_string(where + ": mediaType") != type)
      bad_input("{}: mediaType is {}, expected {}", where, printable(found->as_string({})), type);
  for (std::string_view rest = other_members; !rest.empty();) {
    std::string_view member = rest.substr(0, rest.find(' '));
    if (json.find(member) != nullptr)
      bad_input("{}: has \"{}\", which {} can't have", where, member, type);
    rest.remove_prefix(std::min(rest.size(), member.size() + 1));
  }
  return json;
}

Json annotations_json(const Annotations& annotations) {
  Json json = Json::object();
  for (const auto& [key, value] : annotations)
    json.set(key, value);
  return json;
}

Json descriptor_json(const Descriptor& descriptor) {
  Json json = Json::object();
  json.set("mediaType", descriptor.media_type).set("digest", descriptor.digest.text());
  json.set("size", descriptor.size);
  if (!descriptor.annotations.empty())
    json.set("annotations", annotations_json(descriptor.annotations));
  return json;
}

// What we write, we must be able to read.
std::string checked_size(std::string text, std::string_view what) {
  if (text.size() > kMaxManifest)
    bad_input("{} of {} bytes would be made, expected at most {}: too many or too long names", what,
              text.size(), kMaxManifest);
  return text;
}

}  // namespace

Manifest parse_manifest(std::string_view text, const std::string& where) {
  Json json = read_document(text, where, kManifestType, "manifests fsLayers");
  Manifest out;
  if (const Json* type = json.find("artifactType"))
    out.artifact_type = short_text(*type, where + ": artifactType");
  out.config = read_descriptor(required(json, "config", where), where + ": config");
  out.layers = read_descriptors(required(json, "layers", where), where + ": layers", kMaxLayers);
  if (const Json* subject = json.find("subject"); subject != nullptr && !subject->is_null())
    out.subject = read_descriptor(*subject, where + ": subject");
  out.annotations = read_annotations(json, where);
  return out;
}

Index parse_index(std::string_view text, const std::string& where) {
  Json json = read_document(text, where, kIndexType, "config layers fsLayers");
  Index out;
  out.manifests =
      read_descriptors(required(json, "manifests", where), where + ": manifests", kMaxLayers);
  out.annotations = read_annotations(json, where);
  return out;
}

std::string dump_manifest(const Manifest& manifest) {
  Json json = Json::object();
  json.set("schemaVersion", 2).set("mediaType", kManifestType);
  if (!manifest.artifact_type.empty()) json.set("artifactType", manifest.artifact_type);
  json.set("config", descriptor_json(manifest.config));
  Json layers = Json::array();
  for (const Descriptor& layer : manifest.layers)
    layers.push(descriptor_json(layer));
  json.set("layers", std::move(layers));
  if (manifest.subject) json.set("subject", descriptor_json(*manifest.subject));
  if (!manifest.annotations.empty())
    json.set("annotations", annotations_json(manifest.annotations));
  return checked_size(canonical_json(json), "a manifest");
}

std::string dump_index(const Index& index) {
  Json json = Json::object();
  json.set("schemaVersion", 2).set("mediaType", kIndexType);
  Json manifests = Json::array();
  for (const Descriptor& manifest : index.manifests)
    manifests.push(descriptor_json(manifest));
  json.set("manifests", std::move(manifests));
  if (!index.annotations.empty()) json.set("annotations", annotations_json(index.annotations));
  return checked_size(canonical_json(json), "an index");
}

Descriptor descriptor_of(std::string_view media_type, std::string_view bytes) {
  return {.media_type = std::string(media_type), .digest = Digest::of(bytes), .size = bytes.size()};
}

}  // namespace mlc
