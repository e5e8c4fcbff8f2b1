#include "package/sign/ecdsa.h"

#include <array>
#include <memory>
#include <vector>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.h"

namespace mlc {
namespace {

template <class T, void (*Free)(T*)>
struct FreeWith {
  void operator()(T* object) const { Free(object); }
};
using Number = std::unique_ptr<BIGNUM, FreeWith<BIGNUM, BN_clear_free>>;
using Context = std::unique_ptr<BN_CTX, FreeWith<BN_CTX, BN_CTX_free>>;
using Group = std::unique_ptr<EC_GROUP, FreeWith<EC_GROUP, EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, FreeWith<EC_POINT, EC_POINT_clear_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG, ECDSA_SIG_free>>;

void need(bool done) {
  if (!done) fail(ExitCode::kBug, "the arithmetic of a signature failed");
}

Number secret_number() {
  Number number(BN_secure_new());
  need(number != nullptr);
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

// Bytes that are wiped when they go.
struct Secret {
  explicit Secret(std::size_t size) : bytes(size) {}
  ~Secret() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  std::vector<unsigned char> bytes;
};

// The generator of RFC 6979, section 3.2: K and V, and HMAC by the message's hash.
class Nonces {
 public:
  Nonces(const EVP_MD* hash, const BIGNUM* order, const BIGNUM* secret, std::string_view digest)
      : hash_(hash),
        order_(order),
        bits_(BN_num_bits(order)),
        length_(static_cast<std::size_t>(bits_ + 7) / 8),
        size_(static_cast<std::size_t>(EVP_MD_get_size(hash))),
        k_(size_),
        v_(size_) {
    std::fill(v_.bytes.begin(), v_.bytes.end(), std::uint8_t{1});
    // int2octets(x) || bits2octets(h)
    Secret seed(2 * length_);
    need(BN_bn2binpad(secret, seed.bytes.data(), static_cast<int>(length_)) > 0);
    Number h = from_bits(reinterpret_cast<const unsigned char*>(digest.data()), digest.size());
    if (BN_cmp(h.get(), order) >= 0) need(BN_sub(h.get(), h.get(), order) == 1);
    need(BN_bn2binpad(h.get(), seed.bytes.data() + length_, static_cast<int>(length_)) > 0);
    mix(0, seed.bytes);
    mix(1, seed.bytes);
  }

  // In [1, order).
  Number next() {
    for (;;) {
      Secret text(0);
      text.bytes.reserve(length_ + size_);
      while (text.bytes.size() < length_) {
        hmac(v_.bytes, v_);
        text.bytes.insert(text.bytes.end(), v_.bytes.begin(), v_.bytes.end());
      }
      Number nonce = from_bits(text.bytes.data(), text.bytes.size());
      if (!BN_is_zero(nonce.get()) && BN_cmp(nonce.get(), order_) < 0) {
        refuse_last();
        return nonce;
      }
      refuse_last();
    }
  }

 private:
  // The next call gives another one.
  void refuse_last() { mix(0, {}); }

  // bits2int: the leftmost bits, as many as the order has.
  Number from_bits(const unsigned char* data, std::size_t size) const {
    std::size_t used = std::min(size, length_);
    Number number = secret_number();
    need(BN_bin2bn(data, static_cast<int>(used), number.get()) != nullptr);
    int surplus = static_cast<int>(used * 8) - bits_;
    if (surplus > 0) need(BN_rshift(number.get(), number.get(), surplus) == 1);
    return number;
  }

  // K = HMAC(K, V || mark || seed); V = HMAC(K, V)
  void mix(unsigned char mark, const std::vector<unsigned char>& seed) {
    Secret text(0);
    text.bytes.reserve(size_ + 1 + seed.size());
    text.bytes = v_.bytes;
    text.bytes.push_back(mark);
    text.bytes.insert(text.bytes.end(), seed.begin(), seed.end());
    hmac(text.bytes, k_);
    hmac(v_.bytes, v_);
  }

  void hmac(const std::vector<unsigned char>& text, Secret& out) {
    Secret result(size_);
    unsigned length = 0;
    need(HMAC(hash_, k_.bytes.data(), static_cast<int>(size_), text.data(), text.size(),
              result.bytes.data(), &length) != nullptr);
    out.bytes.swap(result.bytes);
  }

  const EVP_MD* hash_;
  const BIGNUM* order_;
  int bits_;
  std::size_t length_;  // bytes of the order
  std::size_t size_;    // bytes of a hash
  Secret k_, v_;
};

}  // namespace

std::string ecdsa_sign_rfc6979(evp_pkey_st* key, int curve_nid, const char* hash_name,
                               std::string_view digest) {
  const EVP_MD* hash = EVP_get_digestbyname(hash_name);
  Context context(BN_CTX_secure_new());
  Group group(EC_GROUP_new_by_curve_name(curve_nid));
  need(hash != nullptr && context != nullptr && group != nullptr);
  const BIGNUM* order = EC_GROUP_get0_order(group.get());
  BIGNUM* taken = nullptr;
  need(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &taken) == 1);
  Number secret(taken);
  BN_set_flags(secret.get(), BN_FLG_CONSTTIME);

  // The message's hash as a number; no hash here is longer than its curve's order.
  Number z = secret_number();
  need(BN_bin2bn(reinterpret_cast<const unsigned char*>(digest.data()),
                 static_cast<int>(digest.size()), z.get()) != nullptr);
  Nonces nonces(hash, order, secret.get(), digest);
  Point point(EC_POINT_new(group.get()));
  Number x = secret_number(), r = secret_number(), s = secret_number(), blind = secret_number(),
         t = secret_number();
  need(point != nullptr);
  for (;;) {
    Number k = nonces.next();
    need(EC_POINT_mul(group.get(), point.get(), k.get(), nullptr, nullptr, context.get()) == 1);
    need(EC_POINT_get_affine_coordinates(group.get(), point.get(), x.get(), nullptr,
                                         context.get()) == 1);
    need(BN_nnmod(r.get(), x.get(), order, context.get()) == 1);
    if (BN_is_zero(r.get())) continue;
    // s = (b k)^-1 (b z + b r d): a random b, so that the time it takes tells nothing of k and d.
    do
      need(BN_priv_rand_range(blind.get(), order) == 1);
    while (BN_is_zero(blind.get()));
    need(BN_mod_mul(t.get(), blind.get(), secret.get(), order, context.get()) == 1);
    need(BN_mod_mul(t.get(), t.get(), r.get(), order, context.get()) == 1);
    need(BN_mod_mul(s.get(), blind.get(), z.get(), order, context.get()) == 1);
    need(BN_mod_add(s.get(), s.get(), t.get(), order, context.get()) == 1);
    need(BN_mod_mul(t.get(), blind.get(), k.get(), order, context.get()) == 1);
    need(BN_mod_inverse(t.get(), t.get(), order, context.get()) != nullptr);
    need(BN_mod_mul(s.get(), s.get(), t.get(), order, context.get()) == 1);
    if (!BN_is_zero(s.get())) break;
  }
  Signature signature(ECDSA_SIG_new());
  need(signature != nullptr && ECDSA_SIG_set0(signature.get(), BN_dup(r.get()), BN_dup(s.get())));
  std::array<unsigned char, 160> der{};  // at most 139 bytes, with P-521
  unsigned char* end = der.data();
  int size = i2d_ECDSA_SIG(signature.get(), nullptr);
  need(size > 0 && static_cast<std::size_t>(size) <= der.size());
  need(i2d_ECDSA_SIG(signature.get(), &end) == size);
  return {reinterpret_cast<const char*>(der.data()), static_cast<std::size_t>(size)};
}

}  // namespace mlc
