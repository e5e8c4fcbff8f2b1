// Keys and certificates for the tests of signatures, made anew for each run.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace mlc::test {

inline std::string text_of(BIO* bio) {
  const char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free_all(bio);
  return text;
}

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

struct KeyPair {
  Key key;
  std::string private_pem, public_pem;
};

inline KeyPair key_pair(EVP_PKEY* key) {
  KeyPair pair{Key(key, EVP_PKEY_free), {}, {}};
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  pair.private_pem = text_of(bio);
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key);
  pair.public_pem = text_of(bio);
  return pair;
}
inline KeyPair ec_key(const char* curve) { return key_pair(EVP_EC_gen(curve)); }
inline KeyPair ed25519_key() { return key_pair(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }
inline KeyPair rsa_key() {
  return key_pair(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
}

struct CertificateRow {
  const char* name = "signer";
  long from = -3600, until = 3600;  // seconds from now
  bool authority = false;
  const char* usage = "digitalSignature";  // null: no such extension
  const char* extended = nullptr;
};

inline Certificate make_certificate(const CertificateRow& row, const Key& key,
                                    const Certificate& issuer, const Key& issuer_key) {
  static long serial = 1;
  X509* made = X509_new();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made), row.from);
  X509_gmtime_adj(X509_getm_notAfter(made), row.until);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(row.name), -1, -1, 0);
  X509_set_issuer_name(made, X509_get_subject_name(issuer ? issuer.get() : made));
  X509_set_pubkey(made, key.get());
  auto add = [&](int nid, const char* value) {
    if (value == nullptr) return;
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(made, extension, -1);
    X509_EXTENSION_free(extension);
  };
  add(NID_basic_constraints, row.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add(NID_key_usage, row.usage);
  add(NID_ext_key_usage, row.extended);
  X509_sign(made, issuer_key.get(), EVP_sha256());
  return Certificate(made, X509_free);
}

inline std::string der_of(const Certificate& certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  i2d_X509_bio(bio, certificate.get());
  return text_of(bio);
}
inline std::string pem_of(const Certificate& certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate.get());
  return text_of(bio);
}

// A folder that goes with the test.
class TestFolder {
 public:
  TestFolder()
      : path_(parent() /
              ("mlc-sign-" + std::to_string(::getpid()) + "-" + std::to_string(count()++))) {
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  std::string path(const std::string& name = {}) const {
    return name.empty() ? path_.string() : (path_ / name).string();
  }
  std::string write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path(name);
  }

 private:
  static std::filesystem::path parent() {
    return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
  }
  static int& count() {
    static int made = 0;
    return made;
  }
  std::filesystem::path path_;
};

}  // namespace mlc::test
