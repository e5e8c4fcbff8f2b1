// Many slices in few buffers: sizes are added first, then all memory is made at once, so that what
// is needed is known before anything is.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "runtime-min/device.h"

namespace mlc {

class Arena {
 public:
  // The number of a slice of this size (at least 4 bytes); Error(kUnsupported) names `what` if it
  // is more than a kernel of the device can see.
  std::size_t add(const DeviceInfo& device, std::uint64_t bytes, const char* what);
  std::uint64_t bytes() const { return bytes_; }

  void allocate(Device& device, BufferUse use);
  Slice slice(std::size_t number) const;

 private:
  struct Place {
    std::size_t block;
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  std::vector<Place> places_;
  std::vector<std::uint64_t> blocks_;  // their sizes
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::uint64_t bytes_ = 0;
};

// Error(kUnsupported) where the product leaves 64 bits, as sizes that a user asks for may.
std::uint64_t checked_bytes(std::initializer_list<std::uint64_t> factors, const char* what);

// A part of a slice; offset and bytes count from its start.
inline Slice part_of(const Slice& slice, std::uint64_t offset, std::uint64_t bytes) {
  return {slice.buffer, slice.offset + offset, bytes};
}

}  // namespace mlc
