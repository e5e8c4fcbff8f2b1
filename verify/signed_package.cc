// Signatures and attestations of a package.
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
    for (Attached& attached : attached_statements(layout_, model_.digest)) {
      if (attached.predicate_type == kSignaturePredicate && attached.bundle)
        signatures_.push_back(std::move(attached));
      else
        attestations_.push_back(std::move(attached));
    }
    // Signed before it was packed.
    if (signatures_.empty()) add_signature_file();
    std::string reason = policy_.wanted() ? check_signatures() : std::string();
    if (!policy_.wanted() && !signatures_.empty())
      findings_.add(rule_of(SignatureRule::kNotChecked), "package");
    for (const Attached& attestation : attestations_)
      check_attestation(attestation);
    return reason;
  }

 private:
  static std::string name_of_attached(const Attached& attached) {
    return attached.manifest.digest.text();
  }

  void add_signature_file() {
    for (const Descriptor& layer : manifest_.layers) {
      auto name = layer.annotations.find(std::string(kFilePath));
      if (name != layer.annotations.end() && name->second == kSignatureFile)
        signatures_.push_back({layer, true, layout_.read(layer, kMaxBundle), {}});
    }
  }

  std::string check_signatures() {
    if (signatures_.empty()) {
      findings_.add(rule_of(SignatureRule::kNone), "package");
      return "the package is not signed";
    }
    // One that holds is enough: a model may be signed by several.
    std::optional<Error> failed;
    for (const Attached& signature : signatures_) {
      try {
        CheckedSignature expected =
            check_signature(signature.text, name_of_attached(signature), policy_);
        return compare(expected);
      } catch (const Error& error) {
        bool worse = failed && failed->code() == ExitCode::kVerify;
        if (!worse) failed = error;
      }
    }
    if (failed->code() != ExitCode::kVerify) throw *failed;
    findings_.add(rule_of(SignatureRule::kInvalid), "package", failed->what());
    return "the signature does not hold";
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

std::string check_signed_package(const VerifyOptions& options, const Layout& layout,
                                 const Descriptor& model, VerifyReport& report) {
  return PackageSignatures(options, layout, model, report).run();
}

}  // namespace mlc
