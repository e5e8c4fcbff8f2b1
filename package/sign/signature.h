// Signatures of model folders after OpenSSF Model Signing v1.0: a Sigstore bundle 0.3 with an
// in-toto statement that lists every file and its SHA-256, signed with ECDSA (P-256, P-384 or
// P-521). It stands as model.sig in a folder and as a referrer in a package, and is the same for
// both, since a layer's digest is its file's. docs/formats.md, "Signatures".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "package/digest.h"

namespace mlc {

inline constexpr std::string_view kSignatureFile = "model.sig";

// Name of each signed file and its digest.
using SignedFiles = std::map<std::string, Digest>;

// The bundle's text. `name` is what the subject is called: the folder's name. Deterministic but for
// the nonce of ECDSA (RFC 6979 where OpenSSL has it).
std::string sign_files(const SignedFiles& files, const std::string& name,
                       const std::string& key_path);

struct SignaturePolicy {
  std::string public_key;                  // PEM; or
  std::vector<std::string> trust_anchors;  // PEM certificates
  bool allow_unsigned_files = false;
  bool allow_ignored_paths = false;  // ignore_paths beyond the usual ones
};

// The files that the bundle names, once its signature, types and root digest hold. Error(kBadInput)
// for a malformed bundle, kVerify for one that does not hold, kUnsupported for kinds of keys and
// signatures that are known and not taken (keyless, RSA, Ed25519, other curves).
SignedFiles check_signature(std::string_view bundle, const std::string& where,
                            const SignaturePolicy& policy);
// Every signed file is there with its digest, and nothing else. Error(kVerify) names the file.
void compare_signed_files(const SignedFiles& expected, const SignedFiles& found,
                          const SignaturePolicy& policy, const std::string& where);

}  // namespace mlc
