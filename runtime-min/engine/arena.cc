#include "runtime-min/engine/arena.h"

#include <algorithm>

#include "base/error.h"

namespace mlc {
namespace {

// Large enough for few buffers, small enough that one that is not full wastes little.
constexpr std::uint64_t kBlockBytes = std::uint64_t{512} << 20;

}  // namespace

std::size_t Arena::add(const DeviceInfo& device, std::uint64_t bytes, const char* what) {
  bytes = std::max<std::uint64_t>(4, (bytes + 3) / 4 * 4);
  std::uint64_t limit = std::min(device.max_binding_bytes, device.max_buffer_bytes);
  if (bytes > limit)
    fail(ExitCode::kUnsupported, "{}: {} needs {} bytes in one piece, and a kernel sees {}",
         printable(device.name), what, bytes, limit);
  std::uint64_t alignment = std::max<std::uint64_t>(device.slice_alignment, 16);
  std::uint64_t block_limit = std::min(device.max_buffer_bytes, std::max(kBlockBytes, bytes));
  std::uint64_t offset = 0;
  if (!blocks_.empty()) offset = (blocks_.back() + alignment - 1) / alignment * alignment;
  if (blocks_.empty() || offset + bytes > block_limit) {
    blocks_.push_back(0);
    offset = 0;
  }
  blocks_.back() = offset + bytes;
  bytes_ += bytes;
  places_.push_back({blocks_.size() - 1, offset, bytes});
  return places_.size() - 1;
}

void Arena::allocate(Device& device, BufferUse use) {
  for (std::uint64_t bytes : blocks_)
    buffers_.push_back(device.make_buffer(bytes, use));
}

Slice Arena::slice(std::size_t number) const {
  const Place& place = places_[number];
  return {buffers_[place.block].get(), place.offset, place.bytes};
}

std::uint64_t checked_bytes(std::initializer_list<std::uint64_t> factors, const char* what) {
  std::uint64_t bytes = 1;
  for (std::uint64_t factor : factors)
    if (__builtin_mul_overflow(bytes, factor, &bytes))
      fail(ExitCode::kUnsupported, "{} would need more than 2^64 bytes", what);
  return bytes;
}

}  // namespace mlc
