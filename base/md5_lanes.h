// The inner loop of MD5 over several independent streams side by side, one uint32 lane each.
// For md5_many (base/hash.h), its tests and its benchmark only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mlc {

struct Md5Lane {
  std::array<std::uint32_t, 4> state;  // RFC 1321's A, B, C, D
  const std::byte* data;
};

// The most lanes that one call of md5_advance() runs side by side on this CPU.
std::size_t md5_lanes();

// Feeds `blocks` blocks of 64 bytes to each of at most md5_lanes() lanes, from its `data`, which is
// moved on. Streams should not lie a multiple of 4096 bytes apart: they would all compete for the
// same few sets of the first-level cache.
void md5_advance(std::span<Md5Lane* const> lanes, std::size_t blocks);

// The same for one lane, in plain C++: the reference, and faster than a vector with one lane in
// use.
void md5_advance_plain(Md5Lane& lane, std::size_t blocks);

}  // namespace mlc
