// The envelope of signatures and attestations: DSSE within a Sigstore bundle 0.3, with a key or a
// chain of certificates as what to check it with. docs/formats.md, "Signatures".
//
// Written canonically. Read strictly: every member is one that is known, so that no bit of a bundle
// can change unnoticed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

class PrivateKey;
class PublicKey;

inline constexpr std::string_view kInTotoType = "application/vnd.in-toto+json";
inline constexpr std::uint64_t kMaxBundle = std::uint64_t{16} << 20;

struct Bundle {
  // What to check it with; exactly one of the three.
  std::string hint;                       // hex SHA-256 of the key's PEM
  std::string raw_key;                    // DER, as before version 1.0
  std::vector<std::string> certificates;  // DER, the signer's first
  std::string payload;                    // the statement
  std::string signature;                  // DER
};

// What is signed: the payload with its type and length (DSSE's PAE).
std::string pre_authentication(std::string_view payload_type, std::string_view payload);

std::string write_bundle(std::string_view payload, const PrivateKey& key);
// Error(kBadInput): no such JSON, unknown or missing members, not exactly one signature. kVerify:
// base64 that is not canonical, another payload type. kUnsupported: keyless, transparency logs.
Bundle parse_bundle(std::string_view text, const std::string& where);
// Error(kVerify): the hint is another key's, or the signature is not of this key and payload.
void check_bundle_key(const Bundle& bundle, const PublicKey& key, const std::string& where);

}  // namespace mlc
