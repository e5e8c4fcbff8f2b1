#include "runtime-min/engine/written.h"

#include <algorithm>

#include "base/error.h"
#include "base/half.h"
#include "runtime-min/kernels/check_dispatch.h"

namespace mlc {
namespace {

// Whether the slot of a row says where in buffer `b` its values go.
bool is_by_slot(Kernel kernel, std::uint32_t b) {
  if (kernel == Kernel::kKvStore) return true;
  if (kernel == Kernel::kTokenShift) return b == 2;
  return (kernel == Kernel::kWkv5 || kernel == Kernel::kWkv6) && b == 6;
}

ElementKind kind_of(const Dispatch& d, std::uint32_t b) {
  if (d.kernel == Kernel::kKvStore && d.words[0] == 0) return ElementKind::kHalf;
  bool index = b == 1 && (d.kernel == Kernel::kTopExperts || d.kernel == Kernel::kArgmax ||
                          d.kernel == Kernel::kTopK);
  return index ? ElementKind::kIndex : ElementKind::kFloat;
}

template <class T>
std::vector<T> read_as(Device& device, const Slice& slice) {
  std::vector<T> values(slice.bytes / sizeof(T));
  device.read(*slice.buffer, slice.offset, std::as_writable_bytes(std::span(values)));
  return values;
}

template <class T>
void write_as(Device& device, const Slice& slice, const std::vector<T>& values) {
  device.write(*slice.buffer, slice.offset, std::as_bytes(std::span<const T>(values)));
}

}  // namespace

std::vector<WrittenSlice> written_by(const Dispatch& dispatch) {
  const KernelInfo& kernel = info_of(dispatch.kernel);
  const Extents extents = extents_of(dispatch.kernel, dispatch.words);
  std::vector<WrittenSlice> written;
  for (std::uint32_t b = 0; b < kernel.buffers; b++) {
    Slice slice = dispatch.buffers[b];
    if ((kernel.written >> b & 1) == 0 || slice.buffer == nullptr) continue;
    if (!is_by_slot(dispatch.kernel, b)) slice.bytes = std::min(slice.bytes, extents[b]);
    written.push_back({slice, kind_of(dispatch, b)});
  }
  return written;
}

std::vector<float> read_written(Device& device, const WrittenSlice& written) {
  if (written.kind == ElementKind::kFloat) return read_as<float>(device, written.slice);
  std::vector<float> values;
  if (written.kind == ElementKind::kHalf) {
    for (std::uint16_t half : read_as<std::uint16_t>(device, written.slice))
      values.push_back(f16_to_f32(half));
  } else {
    for (std::uint32_t index : read_as<std::uint32_t>(device, written.slice))
      values.push_back(static_cast<float>(index));
  }
  return values;
}

void write_written(Device& device, const WrittenSlice& written, std::span<const float> values) {
  std::vector<float> floats(values.begin(), values.end());
  if (written.kind == ElementKind::kFloat) return write_as(device, written.slice, floats);
  if (written.kind == ElementKind::kHalf) {
    std::vector<std::uint16_t> halves(values.size());
    std::transform(values.begin(), values.end(), halves.begin(), f32_to_f16);
    return write_as(device, written.slice, halves);
  }
  std::vector<std::uint32_t> indices(values.size());
  std::transform(values.begin(), values.end(), indices.begin(),
                 [](float value) { return static_cast<std::uint32_t>(value); });
  write_as(device, written.slice, indices);
}

}  // namespace mlc
