#include "package/sign/certificate.h"

#include <algorithm>
#include <memory>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/error.h"
#include "base/file.h"

namespace mlc {
namespace {

constexpr std::size_t kMaxChain = 10;
constexpr std::uint64_t kMaxAnchorFile = std::uint64_t{1} << 20;
// 112 bits: no SHA-1, no RSA key below 2048 bits.
constexpr int kSecurityLevel = 2;

template <class T, void (*Free)(T*)>
struct FreeWith {
  void operator()(T* object) const { Free(object); }
};
using Certificate = std::unique_ptr<X509, FreeWith<X509, X509_free>>;
using Store = std::unique_ptr<X509_STORE, FreeWith<X509_STORE, X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX, X509_STORE_CTX_free>>;
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;

Certificate read_der(const std::string& der, const std::string& where) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* end = at + der.size();
  Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (certificate == nullptr || at != end)
    fail(ExitCode::kVerify, "{}: a certificate of the signature is none", where);
  return certificate;
}

void add_anchors(X509_STORE* store, const std::string& path) {
  std::string text = read_file(path, kMaxAnchorFile);
  std::unique_ptr<BIO, FreeBio> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  std::size_t count = 0;
  while (Certificate anchor =
             Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))) {
    X509_STORE_add_cert(store, anchor.get());
    count++;
  }
  ERR_clear_error();
  if (count == 0)
    bad_input("{}: no certificate in PEM (\"-----BEGIN CERTIFICATE-----\")", printable(path, 1000));
}

void check_leaf(X509* leaf, const std::string& where) {
  std::uint32_t flags = X509_get_extension_flags(leaf);
  if ((flags & EXFLAG_INVALID) != 0)
    fail(ExitCode::kVerify, "{}: the signer's certificate has extensions that can't be", where);
  if ((flags & EXFLAG_CA) != 0)
    fail(ExitCode::kVerify, "{}: the signer's certificate is that of an authority", where);
  bool digital =
      (flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) != 0;
  bool code =
      (flags & EXFLAG_XKUSAGE) != 0 && (X509_get_extended_key_usage(leaf) & XKU_CODE_SIGN) != 0;
  if (!digital && !(code && (flags & EXFLAG_KUSAGE) == 0))
    fail(ExitCode::kVerify,
         "{}: the signer's certificate is not for signing (neither digitalSignature nor "
         "codeSigning)",
         where);
}

}  // namespace

PublicKey check_certificates(const std::vector<std::string>& chain,
                             const std::vector<std::string>& anchor_files,
                             const std::string& where) {
  if (chain.empty()) bad_input("{}: a chain of no certificates", where);
  if (chain.size() > kMaxChain)
    fail(ExitCode::kVerify, "{}: a chain of {} certificates, at most {} are taken", where,
         chain.size(), kMaxChain);
  std::vector<Certificate> certificates;
  Stack others(sk_X509_new_null());
  for (const std::string& der : chain) {
    certificates.push_back(read_der(der, where));
    if (certificates.size() > 1) sk_X509_push(others.get(), certificates.back().get());
  }
  Store store(X509_STORE_new());
  for (const std::string& path : anchor_files)
    add_anchors(store.get(), path);
  X509* leaf = certificates[0].get();
  check_leaf(leaf, where);

  StoreContext context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf, others.get()) != 1)
    fail(ExitCode::kBug, "the check of certificates can't begin");
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_depth(param, static_cast<int>(kMaxChain));
  X509_VERIFY_PARAM_set_auth_level(param, kSecurityLevel);
  if (X509_verify_cert(context.get()) != 1) {
    int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    fail(ExitCode::kVerify, "{}: the signer's certificate does not hold: {}", where,
         X509_verify_cert_error_string(error));
  }
  // One that the path does without could be changed unnoticed.
  STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context.get());
  for (const Certificate& certificate : certificates) {
    bool used = false;
    for (int i = 0; i < sk_X509_num(path); i++)
      used = used || X509_cmp(sk_X509_value(path, i), certificate.get()) == 0;
    if (!used)
      fail(ExitCode::kVerify, "{}: the signature has a certificate that its chain does not need",
           where);
  }
  EVP_PKEY* key = X509_get_pubkey(leaf);
  if (key == nullptr) fail(ExitCode::kVerify, "{}: the signer's certificate has no key", where);
  return PublicKey::take(key, where + ": the signer's certificate");
}

}  // namespace mlc
