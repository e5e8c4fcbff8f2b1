// Signatures and attestations of a package.
#include <algorithm>
#include <iterator>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "package/sign/dsse.h"
#include "package/sign/referrer.h"
#include "package/sign/statement.h"
#include "verify/signed.h"
#include "verify/signed_parts.h"

namespace mlc {
namespace {

// Does the statement speak of this manifest?
bool speaks_of(std::string_view statement, const Digest& manifest) {
  Json parsed = parse_json(statement, "statement");
  const Json* subjects = parsed.find("subject");
  if (subjects == nullptr || !subjects->is_array()) return false;
  for (const Json& subject : subjects->items({})) {
    const Json* digest = subject.find("digest");
    const Json* hash = digest == nullptr ? nullptr : digest->find("sha256");
    if (hash != nullptr && hash->is_string() && hash->as_string({}) == manifest.hex()) return true;
  }
  return false;
}

std::string name_of_attached(const Attached& attached) { return attached.manifest.digest.text(); }

// Moves those out that are signatures of the files. Without any, model.sig of the folder is one,
// which was signed before it was packed.
std::vector<Attached> take_signatures(std::vector<Attached>& attached, const Layout& layout,
                                      const Manifest& manifest) {
  auto others = std::stable_partition(attached.begin(), attached.end(), [](const Attached& one) {
    return !one.bundle || one.predicate_type != kSignaturePredicate;
  });
  std::vector<Attached> signatures(std::make_move_iterator(others),
                                   std::make_move_iterator(attached.end()));
  attached.erase(others, attached.end());
  if (!signatures.empty()) return signatures;
  for (const Descriptor& layer : manifest.layers) {
    auto name = layer.annotations.find(std::string(kFilePath));
    if (name != layer.annotations.end() && name->second == kSignatureFile)
      signatures.push_back({layer, true, layout.read(layer, kMaxBundle), {}});
  }
  return signatures;
}

// One that holds is enough: a model may be signed by several. Else what is wrong with the first
// that could be read.
CheckedSignature first_that_holds(const std::vector<Attached>& signatures,
                                  const SignaturePolicy& policy) {
  std::optional<Error> failed;
  for (const Attached& signature : signatures) {
    try {
      return check_signature(signature.text, name_of_attached(signature), policy);
    } catch (const Error& error) {
      if (!failed || failed->code() != ExitCode::kVerify) failed = error;
    }
  }
  throw *failed;
}

class PackageSignatures {
 public:
  PackageSignatures(const VerifyOptions& options, const Layout& layout, const Descriptor& model,
                    VerifyReport& report)
      : policy_(options.signature),
        layout_(layout),
        model_(model),
        manifest_(layout.manifest(model)),
        report_(report),
        findings_(report.findings) {}

  std::string run() {
    attestations_ = attached_statements(layout_, model_.digest);
    signatures_ = take_signatures(attestations_, layout_, manifest_);
    std::string reason = policy_.wanted() ? check_signatures() : std::string();
    if (!policy_.wanted() && !signatures_.empty())
      findings_.add(rule_of(SignatureRule::kNotChecked), "package");
    for (const Attached& attestation : attestations_)
      check_attestation(attestation);
    return reason;
  }

 private:
  std::string check_signatures() {
    if (signatures_.empty()) {
      findings_.add(rule_of(SignatureRule::kNone), "package");
      return "the package is not signed";
    }
    try {
      return compare(first_that_holds(signatures_, policy_));
    } catch (const Error& failed) {
      if (failed.code() != ExitCode::kVerify) throw;
      findings_.add(rule_of(SignatureRule::kInvalid), "package", failed.what());
      return "the signature does not hold";
    }
  }

  std::string compare(const CheckedSignature& expected) {
    std::size_t errors = findings_.count(Severity::kError);
    add_signed_differences(expected, files_of(manifest_, model_.digest.text()), policy_, report_);
    if (findings_.count(Severity::kError) > errors) return "files are not those that were signed";
    report_.signature = {.files = expected.files.size(), .hint = hint_of(policy_)};
    return {};
  }

  void check_attestation(const Attached& attestation) {
    std::string name = name_of_attached(attestation);
    if (!attestation.predicate_type.empty()) name += ": " + attestation.predicate_type;
    try {
      std::string statement = attestation.text;
      if (!attestation.bundle) {
        findings_.add(rule_of(SignatureRule::kAttestationUnsigned), name);
      } else if (policy_.wanted()) {
        statement = check_bundle(attestation.text, name, policy_);
        report_.signed_attestations++;
      } else {
        statement = parse_bundle(attestation.text, name).payload;
        findings_.add(rule_of(SignatureRule::kAttestationByAnother), name);
      }
      if (!speaks_of(statement, model_.digest))
        findings_.add(rule_of(SignatureRule::kAttestationOfAnother), name, {},
                      "a subject " + model_.digest.text());
    } catch (const Error& error) {
      findings_.add(rule_of(SignatureRule::kAttestationInvalid), name, error.what());
    }
  }

  const SignaturePolicy& policy_;
  const Layout& layout_;
  const Descriptor& model_;
  Manifest manifest_;
  VerifyReport& report_;
  Findings& findings_;
  std::vector<Attached> signatures_, attestations_;
};

}  // namespace

CheckedSignature check_signature_of(const LayoutPlace& place, const SignaturePolicy& policy) {
  Layout layout(place.path);
  Descriptor model = layout.find(place.tag);
  std::vector<Attached> attached = attached_statements(layout, model.digest);
  std::vector<Attached> signatures = take_signatures(attached, layout, layout.manifest(model));
  if (signatures.empty())
    fail(ExitCode::kVerify, "{}: the package is not signed", printable(place.path, 1000));
  return first_that_holds(signatures, policy);
}

std::string check_signed_package(const VerifyOptions& options, const Layout& layout,
                                 const Descriptor& model, VerifyReport& report) {
  return PackageSignatures(options, layout, model, report).run();
}

}  // namespace mlc
