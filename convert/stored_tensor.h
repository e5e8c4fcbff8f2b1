// One tensor of a checkpoint, held by a reader that lives longer than the table it came from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "convert/source.h"

namespace mlc {

class StoredTensor {
 public:
  StoredTensor(const Checkpoint& checkpoint, const SourceTensor& tensor);

  const SourceTensor& info() const { return tensor_; }

  // `count` elements from `first` on, as they are stored. A tensor with a reader of its own takes
  // whole rows only, as ElementReader says; read_columns() and floats() of a part are for plain
  // tensors.
  void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const;
  std::uint64_t scratch_bytes(std::int64_t count) const;

  // The tensor seen as [rows, cols]: columns [col, col + width) of rows [row, row + height).
  void read_columns(std::int64_t cols, std::int64_t row, std::int64_t height, std::int64_t col,
                    std::int64_t width, std::span<std::byte> out) const;

  // All elements of a small tensor.
  std::vector<std::int64_t> integers() const;

  // Widened without loss, but for float64, which is rounded.
  void widen(std::span<const std::byte> stored, std::span<float> out) const;

 private:
  SourceTensor tensor_;
  std::shared_ptr<const InputFile> file_;
};

}  // namespace mlc
