// Signatures of model folders after OpenSSF Model Signing v1.0: a Sigstore bundle 0.3 with an
// in-toto statement that lists every file and its SHA-256, signed with ECDSA (P-256, P-384 or
// P-521). It stands as model.sig in a folder and as a referrer in a package, and is the same for
// both, since a layer's digest is its file's. docs/formats.md, "Signatures".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/reporter.h"
#include "package/digest.h"

namespace mlc {

class PrivateKey;

inline constexpr std::string_view kSignatureFile = "model.sig";

// Name of each signed file and its digest.
using SignedFiles = std::map<std::string, Digest>;

// The bundle's text. `name` is what the subject is called: the folder's name. The same files, name
// and key give the same text (package/sign/key.h).
std::string sign_files(const SignedFiles& files, const std::string& name, const PrivateKey& key);
// With the key of this file.
std::string sign_files(const SignedFiles& files, const std::string& name,
                       const std::string& key_path, Reporter& reporter);

struct SignaturePolicy {
  std::string public_key;                  // file with a PEM key; or
  std::vector<std::string> trust_anchors;  // files with PEM certificates
  bool allow_unsigned_files = false;
  bool allow_ignored_paths = false;  // ignore_paths beyond the usual ones
  // Where the signature lies below the model; it can't name itself.
  std::string signature_file = std::string(kSignatureFile);

  bool wanted() const { return !public_key.empty() || !trust_anchors.empty(); }
};

struct CheckedSignature {
  SignedFiles files;
  std::vector<std::string> ignored;  // paths that the signer left out, with allow_ignored_paths
};

// What the bundle says of the files, once its signature, types and root digest hold.
// Error(kBadInput) for a malformed bundle and for keys that are no ECDSA keys of P-256, P-384 or
// P-521; kVerify for a bundle that does not hold; kUnsupported for kinds of signatures that are
// known and not taken (keyless, other ways of hashing).
CheckedSignature check_signature(std::string_view bundle, const std::string& where,
                                 const SignaturePolicy& policy);
// The statement within any bundle (an attestation), once its signature holds.
std::string check_bundle(std::string_view text, const std::string& where,
                         const SignaturePolicy& policy);

struct SignedDifference {
  enum class Kind { kMissing, kDiffers, kUnsigned };
  Kind kind;
  std::string name;
  std::string found, expected;  // hex; empty where there is none
};
// What keeps `found` from being exactly what was signed.
std::vector<SignedDifference> signed_differences(const CheckedSignature& expected,
                                                 const SignedFiles& found,
                                                 const SignaturePolicy& policy);
// Error(kVerify) names the first ones.
void compare_signed_files(const CheckedSignature& expected, const SignedFiles& found,
                          const SignaturePolicy& policy, const std::string& where);

}  // namespace mlc
