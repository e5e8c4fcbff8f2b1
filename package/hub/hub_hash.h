// The hashes by which the hub knows files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"

namespace mlc {

// SHA-256, or git's: SHA-1 of "blob SIZE\0" and the content. SHA-1 stands in the way of damage, not
// of an attacker; the weights are never known by it.
class HubHash {
 public:
  // `etag` has 64 or 40 hex digits; `size` is the whole content's.
  HubHash(std::string_view etag, std::uint64_t size);
  ~HubHash();
  HubHash(HubHash&&) noexcept;
  HubHash& operator=(HubHash&&) noexcept;
  void update(std::span<const std::byte> data);
  std::string finish();  // hex; once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Reads the file as a whole. `advance` is told of bytes. Error(kIo), Cancelled.
std::string hub_hash_of(const InputFile& file, std::string_view etag,
                        const std::function<void(std::uint64_t)>& advance);

}  // namespace mlc
