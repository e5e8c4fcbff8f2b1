#include "base/hash.h"

#include <openssl/evp.h>

#include "base/error.h"

namespace mlc {
namespace {

// One running digest of OpenSSL. Its calls fail only when memory is short or the algorithm is
// switched off (MD5 under a FIPS policy); nothing that the data holds can make them fail.
class Digest {
 public:
  Digest(const EVP_MD* algorithm, std::string_view name) : context_(EVP_MD_CTX_new()), name_(name) {
    check(context_ != nullptr && EVP_DigestInit_ex(context_.get(), algorithm, nullptr) == 1);
  }
  void update(std::span<const std::byte> data) {
    check(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1);
  }
  void finish(std::span<std::uint8_t> out) {
    check(EVP_DigestFinal_ex(context_.get(), out.data(), nullptr) == 1);
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  void check(bool ok) const {
    if (!ok) fail(ExitCode::kUnsupported, "{}: this system's OpenSSL refuses it", name_);
  }
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  std::string_view name_;
};

}  // namespace

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

struct Md5::State {
  Digest digest{EVP_md5(), "MD5"};
};
Md5::Md5() : state_(std::make_unique<State>()) {}
Md5::~Md5() = default;
Md5::Md5(Md5&&) noexcept = default;
Md5& Md5::operator=(Md5&&) noexcept = default;
void Md5::update(std::span<const std::byte> data) { state_->digest.update(data); }
Md5Digest Md5::finish() {
  Md5Digest out{};
  state_->digest.finish(out);
  return out;
}

struct Sha256::State {
  Digest digest{EVP_sha256(), "SHA-256"};
};
Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::update(std::span<const std::byte> data) { state_->digest.update(data); }
Sha256Digest Sha256::finish() {
  Sha256Digest out{};
  state_->digest.finish(out);
  return out;
}

}  // namespace mlc
