#include "verify/signed.h"

#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "package/sign/dsse.h"
#include "package/sign/key.h"
#include "package/sign/signed_folder.h"
#include "verify/signed_parts.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::array<FindingRule, 13> kRules = {{
    {"S01", "signature-missing", Severity::kError,
     "a key was given, and the model has no signature", "get the signature from the publisher"},
    {"S02", "signature-invalid", Severity::kError, "the signature does not hold",
     "see to the key; if it is the publisher's, do not use this model"},
    {"S03", "signed-file-differs", Severity::kError, "a file is not the one that was signed",
     "get the file again; do not use it as it is"},
    {"S04", "signed-file-missing", Severity::kError, "a file that was signed is missing",
     "get the file again"},
    {"S05", "file-unsigned", Severity::kError, "the signature says nothing of a file",
     "delete it, or accept such files with --ignore-unsigned-files"},
    {"S06", "not-a-file", Severity::kError, "what is no plain file can't be signed",
     "delete it, or put a copy of the file in its place"},
    {"S07", "signature-unchecked", Severity::kNote,
     "the model has a signature, which was not checked", "give the publisher's key: --key"},
    {"S11", "attestation-invalid", Severity::kError,
     "the signature of an attestation does not hold",
     "do not believe what it says; get the package again"},
    {"S12", "attestation-of-another", Severity::kError, "an attestation is of another model",
     "do not believe what it says of this one; get the package again"},
    {"S13", "attestation-unsigned", Severity::kNote,
     "an attestation is not signed: anybody can have written it", ""},
    {"S14", "attestation-unchecked", Severity::kNote,
     "an attestation is signed, and was not checked", "give the key of who signed it: --key"},
    {"S21", "blob-damaged", Severity::kError, "a part of the package is not what its digest says",
     "get the package again: mlc pull fetches what is damaged"},
    {"S22", "index-unknown", Severity::kError, "index.json holds what OCI does not know",
     "get the package again"},
}};

std::string list_of(const std::string& folder, const FolderListing& listing, Findings& findings) {
  for (const auto& [name, why] : listing.refused)
    findings.add(rule_of(SignatureRule::kNotAFile), name, why);
  return listing.refused.empty() ? std::string()
                                 : fmt::format("{} holds what can't be signed", printable(folder));
}

}  // namespace

std::span<const FindingRule> signature_rules() { return kRules; }

const FindingRule& rule_of(SignatureRule rule) { return kRules[static_cast<std::size_t>(rule)]; }

void add_signed_differences(const CheckedSignature& expected, const SignedFiles& found,
                            const SignaturePolicy& policy, VerifyReport& report) {
  for (const SignedDifference& difference : signed_differences(expected, found, policy)) {
    SignatureRule rule =
        difference.kind == SignedDifference::Kind::kDiffers   ? SignatureRule::kDiffers
        : difference.kind == SignedDifference::Kind::kMissing ? SignatureRule::kMissing
                                                              : SignatureRule::kUnsigned;
    report.findings.add(rule_of(rule), difference.name, difference.found, difference.expected);
  }
}

std::string check_signed_folder(const VerifyOptions& options, VerifyReport& report,
                                Reporter& reporter) {
  SignaturePolicy policy = options.signature;
  fs::path inside = fs::path(options.model) / kSignatureFile;
  std::string path = options.signature_file.empty() ? inside.string() : options.signature_file;
  std::error_code error;
  LayoutPlace place = parse_layout_place(path);
  bool packaged = !options.signature_file.empty() && is_layout(place.path);
  if (!packaged && !options.signature_file.empty()) {
    fs::path below = fs::proximate(fs::weakly_canonical(path, error),
                                   fs::weakly_canonical(options.model, error), error);
    // One of another name within the folder can't name itself either.
    if (!error && below.begin() != below.end() && *below.begin() != "..")
      policy.signature_file = below.generic_string();
  }
  bool there = packaged || fs::exists(fs::symlink_status(path, error));
  Findings& findings = report.findings;
  if (!policy.wanted()) {
    if (there) findings.add(rule_of(SignatureRule::kNotChecked), std::string(kSignatureFile));
    return {};
  }
  if (!there) {
    findings.add(rule_of(SignatureRule::kNone), fs::path(path).filename().string());
    return "the model is not signed";
  }
  CheckedSignature expected;
  try {
    expected = packaged
                   ? check_signature_of(place, policy)
                   : check_signature(read_file(path, kMaxBundle), printable(path, 1000), policy);
  } catch (const Error& failed) {
    if (failed.code() != ExitCode::kVerify) throw;
    findings.add(rule_of(SignatureRule::kInvalid), fs::path(path).filename().string(),
                 failed.what());
    return "the signature does not hold";
  }
  FolderListing listing = list_signed_folder(options.model);
  std::string refused = list_of(options.model, listing, findings);
  if (!refused.empty()) return refused;
  SignedFiles files = hash_signed_folder(options.model, listing, options.threads, reporter);
  std::size_t errors = findings.count(Severity::kError);
  add_signed_differences(expected, files, policy, report);
  if (findings.count(Severity::kError) > errors) return "files are not those that were signed";
  report.signature = {.files = expected.files.size(), .hint = hint_of(policy)};
  return {};
}

std::string hint_of(const SignaturePolicy& policy) {
  return policy.public_key.empty() ? std::string() : PublicKey::read(policy.public_key).hint();
}

}  // namespace mlc
