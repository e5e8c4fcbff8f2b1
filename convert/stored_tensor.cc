#include "convert/stored_tensor.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "quantize/cast_element.h"

namespace mlc {
namespace {

// A read of this much costs about as much as the system call itself.
constexpr std::int64_t kCheapBytes = 4096;
constexpr std::int64_t kChunkBytes = 64 << 10;

}  // namespace

StoredTensor::StoredTensor(const Checkpoint& checkpoint, const SourceTensor& tensor)
    : tensor_(tensor), file_(checkpoint.files[tensor.file].file) {}

void StoredTensor::read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const {
  if (tensor_.reader) return tensor_.reader->read(first, count, out);
  std::size_t size = size_of(tensor_.dtype);
  file_->read(tensor_.offset + static_cast<std::uint64_t>(first) * size,
              out.first(static_cast<std::size_t>(count) * size));
}

std::uint64_t StoredTensor::scratch_bytes(std::int64_t count) const {
  return tensor_.reader ? tensor_.reader->scratch_bytes(count) : 0;
}

void StoredTensor::read_columns(std::int64_t cols, std::int64_t row, std::int64_t height,
                                std::int64_t col, std::int64_t width,
                                std::span<std::byte> out) const {
  auto size = static_cast<std::int64_t>(size_of(tensor_.dtype));
  auto line = static_cast<std::size_t>(width * size);
  if (width == cols) return read(row * cols, height * cols, out);
  // Few and narrow columns of narrow rows: whole rows are read, many at a time.
  bool whole_rows = cols * size <= kCheapBytes || cols <= 4 * width;
  if (!whole_rows) {
    for (std::int64_t r = 0; r < height; r++)
      read((row + r) * cols + col, width, out.subspan(static_cast<std::size_t>(r) * line, line));
    return;
  }
  std::int64_t at_once = std::clamp<std::int64_t>(kChunkBytes / (cols * size), 1, height);
  std::vector<std::byte> rows(static_cast<std::size_t>(at_once * cols * size));
  for (std::int64_t r = 0; r < height; r += at_once) {
    std::int64_t n = std::min(at_once, height - r);
    read((row + r) * cols, n * cols, rows);
    for (std::int64_t i = 0; i < n; i++)
      std::memcpy(out.data() + static_cast<std::size_t>(r + i) * line,
                  rows.data() + (i * cols + col) * size, line);
  }
}

std::vector<std::int64_t> StoredTensor::integers() const {
  auto n = static_cast<std::size_t>(tensor_.elements());
  std::vector<std::byte> stored(n * size_of(tensor_.dtype));
  read(0, tensor_.elements(), stored);
  std::vector<std::int64_t> out(n);
  for (std::size_t i = 0; i < n; i++) {
    if (tensor_.dtype == DType::kI64)
      out[i] = load_element<std::int64_t>(stored.data(), i);
    else if (tensor_.dtype == DType::kI32)
      out[i] = load_element<std::int32_t>(stored.data(), i);
    else
      bad_input("{}: dtype {}, expected int32 or int64", printable(tensor_.name),
                name_of(tensor_.dtype));
  }
  return out;
}

void StoredTensor::widen(std::span<const std::byte> stored, std::span<float> out) const {
  for (std::size_t i = 0; i < out.size(); i++)
    out[i] = with_element(tensor_.dtype, stored.data(), i,
                          [](auto value) { return static_cast<float>(value); });
}

}  // namespace mlc
