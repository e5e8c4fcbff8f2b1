// How keys and values lie in a cache: [slot, kv_heads, capacity, head_dim], a ring behind the
// sinks.
#pragma once

#include <cstddef>

#include "base/half.h"

namespace mlc {

inline std::size_t kv_place(std::size_t position, std::size_t capacity, std::size_t sink) {
  return position < sink ? position : sink + (position - sink) % (capacity - sink);
}

// Whether a query at `position` sees the key at t <= position.
inline bool kv_seen(std::size_t t, std::size_t position, std::size_t sink, std::size_t window) {
  return window == 0 || t < sink || t + window > position;
}

enum class KvFormat : std::uint32_t { kF16 = 0, kF32 = 1 };

inline float kv_value(const std::byte* cache, KvFormat format, std::size_t element) {
  return format == KvFormat::kF32 ? std::bit_cast<const float*>(cache)[element]
                                  : f16_to_f32(std::bit_cast<const std::uint16_t*>(cache)[element]);
}

}  // namespace mlc
