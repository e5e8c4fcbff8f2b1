#include "package/sign/key.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "package/digest.h"
#include "package/sign/ecdsa.h"
#include "package/temporary_name.h"

namespace mlc {
namespace {

constexpr std::uint64_t kMaxKeyFile = std::uint64_t{64} << 10;
constexpr const char* kPassword = "MLC_SIGN_KEY_PASSWORD";

struct CurveRow {
  std::string_view name;     // as NIST says
  std::string_view openssl;  // as OpenSSL says
  int nid;
  const char* hash;
};
constexpr std::array<CurveRow, 3> kCurves = {{
    {"P-256", "prime256v1", NID_X9_62_prime256v1, "SHA256"},
    {"P-384", "secp384r1", NID_secp384r1, "SHA384"},
    {"P-521", "secp521r1", NID_secp521r1, "SHA512"},
}};

const CurveRow& row_of(Curve curve) { return kCurves[static_cast<std::size_t>(curve)]; }

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

Bio reading(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string written(BIO* bio) {
  const char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::shared_ptr<EVP_PKEY> shared(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

Curve curve_of(EVP_PKEY* key, const std::string& where) {
  constexpr std::string_view kWanted = "expected an ECDSA key of P-256, P-384 or P-521";
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) {
    const char* kind = EVP_PKEY_get0_type_name(key);
    bad_input("{}: a key of {}; {}", where, kind == nullptr ? "an unknown kind" : kind, kWanted);
  }
  std::array<char, 80> name{};
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(),
                                     nullptr) == 1)
    for (std::size_t i = 0; i < kCurves.size(); i++)
      if (kCurves[i].openssl == name.data()) return static_cast<Curve>(i);
  bad_input("{}: a key of the curve {}; {}", where,
            name[0] == 0 ? "it describes itself" : printable(name.data()), kWanted);
}

std::string hash_of(Curve curve, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(message.data(), message.size(), digest.data(), &size,
                 EVP_get_digestbyname(row_of(curve).hash), nullptr) != 1)
    fail(ExitCode::kBug, "hashing what is signed failed");
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// Keys alive; the first one finds out what holds without any.
std::mutex core_mutex;
int core_holders = 0;
int core_before = 1;

std::shared_ptr<void> forbid_core_files() {
  std::lock_guard lock(core_mutex);
  if (core_holders++ == 0) core_before = prctl(PR_GET_DUMPABLE);
  prctl(PR_SET_DUMPABLE, 0);
  return {nullptr, [](void*) {
            std::lock_guard last(core_mutex);
            if (--core_holders == 0 && core_before == 1) prctl(PR_SET_DUMPABLE, 1);
          }};
}

struct Password {
  bool asked = false;
};

int give_password(char* buffer, int size, int, void* context) {
  static_cast<Password*>(context)->asked = true;
  const char* password = std::getenv(kPassword);
  if (password == nullptr) return -1;
  std::size_t length = std::strlen(password);
  if (length > static_cast<std::size_t>(size)) return -1;
  std::copy_n(password, length, buffer);
  return static_cast<int>(length);
}

// A new file for this user only, whole or not at all.
void write_private(const std::string& to, std::string_view text) {
  std::string path = temporary_name(to);
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) io_error(to, "create", errno);
  std::size_t done = 0;
  int error = 0;
  while (done < text.size() && error == 0) {
    ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) error = errno;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  if (error == 0 && fsync(fd) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0)
    error = errno;
  if (error == 0) return;
  unlink(path.c_str());
  io_error(to, "write", error);
}

}  // namespace

std::string_view name_of(Curve curve) { return row_of(curve).name; }

PublicKey PublicKey::take(evp_pkey_st* key, const std::string& where) {
  PublicKey out;
  out.key_ = shared(key);
  out.curve_ = curve_of(key, where);
  return out;
}

PublicKey PublicKey::parse(std::string_view pem, const std::string& where) {
  EVP_PKEY* key = PEM_read_bio_PUBKEY(reading(pem).get(), nullptr, nullptr, nullptr);
  ERR_clear_error();
  if (key != nullptr) return take(key, where);
  bool secret = pem.find("PRIVATE KEY-----") != std::string_view::npos;
  bool certificate = pem.find("BEGIN CERTIFICATE-----") != std::string_view::npos;
  bad_input("{}: no public key in PEM (\"-----BEGIN PUBLIC KEY-----\"){}", where,
            secret        ? "; this is a private key, give the public one of the pair"
            : certificate ? "; this is a certificate, give it as --cert-chain"
                          : "");
}

PublicKey PublicKey::read(const std::string& path) {
  return parse(read_file(path, kMaxKeyFile), printable(path, 1000));
}

std::string PublicKey::pem() const {
  Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1)
    fail(ExitCode::kBug, "a public key can't be written as PEM");
  return written(bio.get());
}

std::string PublicKey::der() const {
  Bio bio(BIO_new(BIO_s_mem()));
  if (i2d_PUBKEY_bio(bio.get(), key_.get()) != 1)
    fail(ExitCode::kBug, "a public key can't be written as DER");
  return written(bio.get());
}

std::string PublicKey::hint() const { return Digest::of(pem()).hex(); }

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  DigestContext context(EVP_MD_CTX_new());
  bool holds =
      EVP_DigestVerifyInit_ex(context.get(), nullptr, row_of(curve_).hash, nullptr, nullptr,
                              key_.get(), nullptr) == 1 &&
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                       message.size()) == 1;
  ERR_clear_error();
  return holds;
}

PrivateKey PrivateKey::parse(std::string_view pem, const std::string& where) {
  PrivateKey out;
  out.no_core_ = forbid_core_files();
  Password password;
  out.key_ = shared(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, give_password, &password));
  ERR_clear_error();
  if (out.key_ == nullptr) {
    if (password.asked && std::getenv(kPassword) == nullptr)
      fail(ExitCode::kUsage, "{}: the key is encrypted; its password is taken from ${}", where,
           kPassword);
    bad_input("{}: {}", where,
              password.asked ? fmt::format("the password in ${} does not open the key", kPassword)
                             : "no private key in PEM (\"-----BEGIN PRIVATE KEY-----\")");
  }
  out.curve_ = curve_of(out.key_.get(), where);
  return out;
}

PrivateKey PrivateKey::read(const std::string& path, Reporter& reporter) {
  std::shared_ptr<void> no_core = forbid_core_files();
  std::string text = read_file(path, kMaxKeyFile);
  struct Wipe {
    std::string& text;
    ~Wipe() { OPENSSL_cleanse(text.data(), text.size()); }
  } wipe{text};
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && (status.st_mode & (S_IRGRP | S_IROTH)) != 0)
    reporter.warn(fmt::format("{}: other users may read this private key; chmod 600 it",
                              printable(path, 1000)));
  return parse(text, printable(path, 1000));
}

PublicKey PrivateKey::public_key() const {
  Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1)
    fail(ExitCode::kBug, "the public half of a key can't be written");
  return PublicKey::parse(written(bio.get()), "the public half of the key");
}

std::string PrivateKey::sign(std::string_view message) const {
  const CurveRow& curve = row_of(curve_);
  std::string signature =
      ecdsa_sign_rfc6979(key_.get(), curve.nid, curve.hash, hash_of(curve_, message));
  // A signature that a fault of the machine made wrong would give the key away.
  if (!public_key().verify(message, signature))
    fail(ExitCode::kBug, "the signature that was made does not hold");
  return signature;
}

PublicKey write_new_key(const std::string& path) {
  std::string public_path = path + ".pub";
  struct stat status {};
  for (const std::string& file : {path, public_path})
    if (lstat(file.c_str(), &status) == 0)
      fail(ExitCode::kUsage, "{}: exists already; a key is never overwritten",
           printable(file, 1000));
  std::shared_ptr<void> no_core = forbid_core_files();
  std::shared_ptr<EVP_PKEY> key = shared(EVP_EC_gen("P-256"));
  if (key == nullptr) fail(ExitCode::kBug, "a key can't be made");
  struct FreeSecret {
    void operator()(BIO* bio) const { BIO_free_all(bio); }
  };
  std::unique_ptr<BIO, FreeSecret> bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
      1)
    fail(ExitCode::kBug, "a new key can't be written");
  const char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  write_private(path, {data, static_cast<std::size_t>(size)});
  EVP_PKEY_up_ref(key.get());
  PublicKey public_key = PublicKey::take(key.get(), path);
  try {
    write_file_atomically(public_path, public_key.pem());
  } catch (...) {
    unlink(path.c_str());
    throw;
  }
  return public_key;
}

}  // namespace mlc
