// Keys that sign: ECDSA on P-256, P-384 or P-521, in PEM files.
//
// The digest goes with the curve: SHA-256, SHA-384, SHA-512. Signatures are deterministic (RFC
// 6979), so that the same package signed with the same key has the same bytes; they are ordinary
// ECDSA for whoever checks them. A signature is checked before it is given out.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/reporter.h"

struct evp_pkey_st;

namespace mlc {

enum class Curve { kP256, kP384, kP521 };
std::string_view name_of(Curve curve);  // "P-256"

class PublicKey {
 public:
  // A file with "-----BEGIN PUBLIC KEY-----", perhaps after other text. Error(kBadInput): no such
  // key, RSA, Ed25519, another curve.
  static PublicKey read(const std::string& path);
  static PublicKey parse(std::string_view pem, const std::string& where);
  // For certificates; takes over the reference.
  static PublicKey take(evp_pkey_st* key, const std::string& where);

  Curve curve() const { return curve_; }
  // "-----BEGIN PUBLIC KEY-----" and lines of 64 columns, as `openssl pkey -pubout` writes it.
  std::string pem() const;
  std::string der() const;   // SubjectPublicKeyInfo
  std::string hint() const;  // lower-case hex SHA-256 of pem()
  // Is this the ECDSA signature, in canonical DER, of the message?
  bool verify(std::string_view message, std::string_view signature) const;

 private:
  std::shared_ptr<evp_pkey_st> key_;
  Curve curve_ = Curve::kP256;
};

// While one lives, the process writes no core file: it would hold the key.
class PrivateKey {
 public:
  // PEM, PKCS #8 or SEC 1; an encrypted one is opened with $MLC_SIGN_KEY_PASSWORD. Warns when
  // others may read the file. Error(kBadInput), kUsage without the password.
  static PrivateKey read(const std::string& path, Reporter& reporter);
  static PrivateKey parse(std::string_view pem, const std::string& where);

  PublicKey public_key() const;
  // ECDSA of the message, in DER.
  std::string sign(std::string_view message) const;

 private:
  std::shared_ptr<void> no_core_;
  std::shared_ptr<evp_pkey_st> key_;
  Curve curve_ = Curve::kP256;
};

// A new P-256 key: PATH (mode 0600) and PATH.pub. Neither may exist: Error(kUsage).
PublicKey write_new_key(const std::string& path);

}  // namespace mlc
