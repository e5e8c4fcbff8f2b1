#include "package/sign/signature.h"

#include <algorithm>

#include "base/error.h"
#include "package/sign/certificate.h"
#include "package/sign/dsse.h"
#include "package/sign/key.h"
#include "package/sign/statement.h"

namespace mlc {
namespace {

bool lies_below(std::string_view name, std::string_view folder) {
  return name == folder ||
         (name.size() > folder.size() && name.starts_with(folder) && name[folder.size()] == '/');
}

// Whether a signature says nothing of this file.
bool is_left_out(const std::string& name, const CheckedSignature& expected,
                 const SignaturePolicy& policy) {
  if (name == policy.signature_file || is_ignored_by_default(name.substr(0, name.find('/'))))
    return true;
  return std::any_of(expected.ignored.begin(), expected.ignored.end(),
                     [&](const std::string& path) { return lies_below(name, path); });
}

void check_ignored(const Statement& statement, const std::string& where,
                   const SignaturePolicy& policy) {
  for (const std::string& path : statement.ignored) {
    bool usual =
        is_ignored_by_default(path) || path == kSignatureFile || path == policy.signature_file;
    // These would leave out everything.
    bool all = path.empty() || path == "." || path == "./";
    if (all || !(usual || policy.allow_ignored_paths))
      fail(ExitCode::kVerify, "{}: the signer left out \"{}\", of which the signature says nothing",
           where, printable(path));
  }
}

std::string_view what_is_wrong(SignedDifference::Kind kind) {
  switch (kind) {
    case SignedDifference::Kind::kMissing:
      return "is signed, but missing";
    case SignedDifference::Kind::kDiffers:
      return "is not the file that was signed";
    case SignedDifference::Kind::kUnsigned:
      break;
  }
  return "is not signed";
}

}  // namespace

std::string sign_files(const SignedFiles& files, const std::string& name, const PrivateKey& key) {
  return write_bundle(write_statement(files, name), key);
}

std::string sign_files(const SignedFiles& files, const std::string& name,
                       const std::string& key_path, Reporter& reporter) {
  return sign_files(files, name, PrivateKey::read(key_path, reporter));
}

std::string check_bundle(std::string_view text, const std::string& where,
                         const SignaturePolicy& policy) {
  if (!policy.public_key.empty() && !policy.trust_anchors.empty())
    fail(ExitCode::kUsage, "a public key and certificates: only one of them can be trusted");
  Bundle bundle = parse_bundle(text, where);
  if (policy.public_key.empty() == bundle.certificates.empty())
    fail(ExitCode::kVerify, "{}: signed with a {}, but what is trusted is a {}", where,
         bundle.certificates.empty() ? "key" : "certificate",
         bundle.certificates.empty() ? "certificate" : "key");
  PublicKey key = bundle.certificates.empty()
                      ? PublicKey::read(policy.public_key)
                      : check_certificates(bundle.certificates, policy.trust_anchors, where);
  check_bundle_key(bundle, key, where);
  return std::move(bundle.payload);
}

CheckedSignature check_signature(std::string_view bundle, const std::string& where,
                                 const SignaturePolicy& policy) {
  Statement statement = parse_statement(check_bundle(bundle, where, policy), where);
  check_ignored(statement, where, policy);
  return {std::move(statement.files), std::move(statement.ignored)};
}

std::vector<SignedDifference> signed_differences(const CheckedSignature& expected,
                                                 const SignedFiles& found,
                                                 const SignaturePolicy& policy) {
  using Kind = SignedDifference::Kind;
  SignedFiles present;
  for (const auto& [name, digest] : found)
    if (!is_left_out(name, expected, policy)) present.emplace(name, digest);
  SignedFiles wanted = expected.files;
  if (wanted.size() == 1 && wanted.begin()->first == "." && present.size() == 1)
    wanted = {{present.begin()->first, wanted.begin()->second}};
  std::vector<SignedDifference> differences;
  for (const auto& [name, digest] : wanted) {
    // A name that is left out and signed at once: the signature is what counts.
    const Digest* there = found.count(name) > 0 ? &found.at(name) : nullptr;
    if (there == nullptr)
      differences.push_back({Kind::kMissing, name, {}, digest.hex()});
    else if (*there != digest)
      differences.push_back({Kind::kDiffers, name, there->hex(), digest.hex()});
  }
  if (policy.allow_unsigned_files) return differences;
  for (const auto& [name, digest] : present)
    if (wanted.count(name) == 0) differences.push_back({Kind::kUnsigned, name, digest.hex(), {}});
  return differences;
}

void compare_signed_files(const CheckedSignature& expected, const SignedFiles& found,
                          const SignaturePolicy& policy, const std::string& where) {
  std::vector<SignedDifference> differences = signed_differences(expected, found, policy);
  if (differences.empty()) return;
  const SignedDifference& first = differences.front();
  fail(ExitCode::kVerify, "{}: {} {}{}", where, printable(first.name), what_is_wrong(first.kind),
       differences.size() == 1 ? std::string()
                               : fmt::format("; {} more differ", differences.size() - 1));
}

}  // namespace mlc
