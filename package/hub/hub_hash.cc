#include "package/hub/hub_hash.h"

#include <algorithm>
#include <array>
#include <vector>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/parallel.h"

namespace mlc {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;

void check(int result) {
  if (result != 1) fail(ExitCode::kUnsupported, "OpenSSL offers no SHA-1, which git's names need");
}

}  // namespace

struct HubHash::State {
  struct Free {
    void operator()(EVP_MD_CTX* one) const { EVP_MD_CTX_free(one); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

HubHash::HubHash(std::string_view etag, std::uint64_t size) : state_(std::make_unique<State>()) {
  EVP_MD_CTX* context = state_->context.get();
  if (!context) throw std::bad_alloc();
  bool git = etag.size() == 40;
  check(EVP_DigestInit_ex(context, git ? EVP_sha1() : EVP_sha256(), nullptr));
  if (!git) return;
  std::string header = fmt::format("blob {}", size);
  check(EVP_DigestUpdate(context, header.c_str(), header.size() + 1));  // with the NUL
}
HubHash::~HubHash() = default;
HubHash::HubHash(HubHash&&) noexcept = default;
HubHash& HubHash::operator=(HubHash&&) noexcept = default;

void HubHash::update(std::span<const std::byte> data) {
  check(EVP_DigestUpdate(state_->context.get(), data.data(), data.size()));
}

std::string HubHash::finish() {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  check(EVP_DigestFinal_ex(state_->context.get(), bytes.data(), &size));
  return hex(std::span(bytes).first(size));
}

std::string hub_hash_of(const InputFile& file, std::string_view etag,
                        const std::function<void(std::uint64_t)>& advance) {
  HubHash hash(etag, file.size());
  std::vector<std::byte> block(static_cast<std::size_t>(
      std::min<std::uint64_t>(kBlock, std::max<std::uint64_t>(file.size(), 1))));
  for (std::uint64_t at = 0; at < file.size();) {
    throw_if_cancelled();
    std::size_t part =
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), file.size() - at));
    file.read(at, std::span(block).first(part));
    hash.update(std::span(block).first(part));
    at += part;
    advance(part);
  }
  return hash.finish();
}

}  // namespace mlc
