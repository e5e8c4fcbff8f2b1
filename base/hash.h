// MD5 (MLC's shard checksum; never a security check) and SHA-256, through OpenSSL's EVP, and MD5 of
// many files at once.
//
// One MD5 stream is a serial chain of 64 dependent steps per 64 bytes (0.77 GB/s here), and was the
// slowest stage of a fast converter; SIMD lanes run up to 32 independent streams side by side.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mlc {

using Md5Digest = std::array<std::uint8_t, 16>;
using Sha256Digest = std::array<std::uint8_t, 32>;

std::string hex(std::span<const std::uint8_t> bytes);  // lower case

class Md5 {
 public:
  Md5();
  ~Md5();
  Md5(Md5&&) noexcept;
  Md5& operator=(Md5&&) noexcept;
  void update(std::span<const std::byte> data);
  Md5Digest finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::span<const std::byte> data);
  Sha256Digest finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Streams hashed side by side, 32 at most at one time (12 GB/s with AVX-512, 8 with AVX2), so at
// least 16 are worth collecting. Any number of streams of any lengths; lanes are refilled as
// streams end, longest first. `read(stream, offset, out)` must fill `out` (it is called from the
// calling thread, with out.size() <= block_size, offsets ascending per stream); what it throws goes
// through. Uses 32 buffers of `block_size`, which should fit in the second-level cache. Several
// threads may call it at once.
struct Md5Source {
  std::uint64_t size;
};
using Md5Read = void (*)(void* context, std::size_t stream, std::uint64_t offset,
                         std::span<std::byte> out);
std::vector<Md5Digest> md5_many(std::span<const Md5Source> streams, Md5Read read, void* context,
                                std::size_t block_size = 32 * 1024);
// The same for buffers already in memory.
std::vector<Md5Digest> md5_many(std::span<const std::span<const std::byte>> buffers);

}  // namespace mlc
