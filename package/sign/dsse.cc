#include "package/sign/dsse.h"

#include <algorithm>
#include <initializer_list>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "package/canonical_json.h"
#include "package/oci/manifest.h"
#include "package/sign/key.h"

namespace mlc {
namespace {

constexpr JsonLimits kLimits = {
    .max_bytes = kMaxBundle, .max_depth = 16, .max_string = kMaxBundle, .max_values = 4096};

// The object's member; every member has to be one of `known`.
class Members {
 public:
  Members(const Json& object, std::string where, std::initializer_list<std::string_view> known)
      : object_(object), where_(std::move(where)) {
    for (const Json::Member& member : object.members(where_))
      if (std::find(known.begin(), known.end(), member.first) == known.end())
        bad_input("{}: \"{}\" at offset {} is no known member", where_, printable(member.first),
                  member.second.offset());
  }
  const Json* find(std::string_view key) const { return object_.find(key); }
  const Json& get(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr) bad_input("{}: \"{}\" is missing", where_, key);
    return *value;
  }
  const std::string& text(std::string_view key) const { return get(key).as_string(name(key)); }
  std::string name(std::string_view key) const { return fmt::format("{}: {}", where_, key); }
  std::string bytes(std::string_view key) const {
    std::optional<std::string> bytes = from_base64(text(key));
    if (!bytes)
      fail(ExitCode::kVerify, "{} is no canonical base64; the signature was changed", name(key));
    return *bytes;
  }

 private:
  const Json& object_;
  std::string where_;
};

void read_certificates(const Json& chain, const std::string& where, Bundle& bundle) {
  Members members(chain, where + ": x509CertificateChain", {"certificates"});
  for (const Json& item : members.get("certificates").items(members.name("certificates")))
    bundle.certificates.push_back(
        Members(item, members.name("certificates"), {"rawBytes"}).bytes("rawBytes"));
  if (bundle.certificates.empty()) bad_input("{}: a chain of no certificates", where);
}

void read_material(const Json& material, const std::string& where, Bundle& bundle) {
  Members members(material, where + ": verificationMaterial",
                  {"publicKey", "x509CertificateChain", "certificate", "tlogEntries",
                   "timestampVerificationData"});
  const Json* log = members.find("tlogEntries");
  bool logged = log != nullptr && !log->items(members.name("tlogEntries")).empty();
  const Json* stamps = members.find("timestampVerificationData");
  if (members.find("certificate") != nullptr || logged)
    fail(ExitCode::kUnsupported,
         "{}: a keyless signature of Sigstore, which is not checked here; use cosign or "
         "model_signing for it",
         where);
  if (stamps != nullptr && !(stamps->is_object() && stamps->members({}).empty()))
    fail(ExitCode::kUnsupported, "{}: time stamps of an authority are not checked here", where);
  const Json* key = members.find("publicKey");
  const Json* chain = members.find("x509CertificateChain");
  if ((key != nullptr) == (chain != nullptr))
    bad_input("{}: verificationMaterial has to be one of publicKey and x509CertificateChain",
              where);
  if (chain != nullptr) return read_certificates(*chain, where, bundle);
  Members parts(*key, where + ": publicKey", {"hint", "rawBytes"});
  if ((parts.find("hint") != nullptr) == (parts.find("rawBytes") != nullptr))
    bad_input("{}: publicKey has to say which key it was: hint, or rawBytes", where);
  if (parts.find("rawBytes") != nullptr)
    bundle.raw_key = parts.bytes("rawBytes");
  else
    bundle.hint = parts.text("hint");
}

void read_envelope(const Json& envelope, const std::string& where, Bundle& bundle) {
  Members members(envelope, where + ": dsseEnvelope", {"payload", "payloadType", "signatures"});
  if (members.text("payloadType") != kInTotoType)
    fail(ExitCode::kVerify, "{} is \"{}\", expected \"{}\"", members.name("payloadType"),
         printable(members.text("payloadType")), kInTotoType);
  bundle.payload = members.bytes("payload");
  const std::vector<Json>& signatures = members.get("signatures").items(members.name("signatures"));
  if (signatures.size() != 1)
    bad_input("{}: {} signatures, expected exactly one", where, signatures.size());
  Members signature(signatures[0], members.name("signatures"), {"sig", "keyid"});
  bundle.signature = signature.bytes("sig");
  const Json* id = signature.find("keyid");
  // Nothing binds it, so it may say nothing.
  if (id != nullptr && !id->is_null() && !id->as_string(signature.name("keyid")).empty())
    fail(ExitCode::kVerify, "{} is \"{}\", expected none", signature.name("keyid"),
         printable(id->as_string({})));
}

}  // namespace

std::string pre_authentication(std::string_view payload_type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(),
                     payload);
}

std::string write_bundle(std::string_view payload, const PrivateKey& key) {
  std::string signature = key.sign(pre_authentication(kInTotoType, payload));
  Json signatures = Json::array();
  signatures.push(Json::object().set("keyid", "").set("sig", to_base64(signature)));
  Json material = Json::object();
  material.set("publicKey", Json::object().set("hint", key.public_key().hint()))
      .set("tlogEntries", Json::array());
  return canonical_json(Json::object()
                            .set("mediaType", kBundleType)
                            .set("verificationMaterial", std::move(material))
                            .set("dsseEnvelope", Json::object()
                                                     .set("payload", to_base64(payload))
                                                     .set("payloadType", kInTotoType)
                                                     .set("signatures", std::move(signatures))));
}

Bundle parse_bundle(std::string_view text, const std::string& where) {
  Json document = parse_json(text, where, kLimits);
  Members members(document, where, {"mediaType", "verificationMaterial", "dsseEnvelope"});
  if (members.text("mediaType") != kBundleType)
    bad_input("{}: mediaType is \"{}\", expected \"{}\"", where,
              printable(members.text("mediaType")), kBundleType);
  Bundle bundle;
  read_material(members.get("verificationMaterial"), where, bundle);
  read_envelope(members.get("dsseEnvelope"), where, bundle);
  return bundle;
}

void check_bundle_key(const Bundle& bundle, const PublicKey& key, const std::string& where) {
  if (!bundle.hint.empty() || bundle.raw_key.empty()) {
    if (bundle.certificates.empty() && bundle.hint != key.hint())
      fail(ExitCode::kVerify, "{}: signed with another key: its hint is {}, that of the key {}",
           where, printable(bundle.hint, 80), key.hint());
  } else if (bundle.raw_key != key.der()) {
    fail(ExitCode::kVerify, "{}: signed with another key than the one given", where);
  }
  if (!key.verify(pre_authentication(kInTotoType, bundle.payload), bundle.signature))
    fail(ExitCode::kVerify, "{}: the signature does not hold: it is not of this key and content",
         where);
}

}  // namespace mlc
