// Fields of a GGUF block by their offset in it; all little-endian, at any alignment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/half.h"

namespace mlc {

class BlockBytes {
 public:
  explicit BlockBytes(const std::byte* at) : at_(at) {}
  std::uint32_t u8(std::size_t i) const { return std::to_integer<std::uint32_t>(at_[i]); }
  std::int32_t i8(std::size_t i) const { return static_cast<std::int8_t>(u8(i)); }
  std::uint32_t u16(std::size_t i) const { return u8(i) | u8(i + 1) << 8; }
  std::uint32_t u32(std::size_t i) const { return u16(i) | u16(i + 2) << 16; }
  float f16(std::size_t i) const { return f16_to_f32(static_cast<std::uint16_t>(u16(i))); }

 private:
  const std::byte* at_;
};

inline float as_float(std::uint32_t u) { return static_cast<float>(u); }
inline float as_float(std::int32_t i) { return static_cast<float>(i); }

// The 16 levels of IQ4_NL and IQ4_XS (ggml-common.h, kvalues_iq4nl).
inline constexpr std::array<float, 16> kIq4Levels = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                     1,    13,   25,  38,  53,  69,  89,  113};

}  // namespace mlc
