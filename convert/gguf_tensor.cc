#include "convert/gguf_tensor.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "quantize/cast.h"
#include "quantize/lattice.h"

namespace mlc {
namespace {

class GgufReader : public ElementReader {
 public:
  explicit GgufReader(GgufView view) : view_(std::move(view)), dtype_(decoded_dtype(view_)) {}

  void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const override {
    if (view_.turned)
      read_turned(first, count, out.data());
    else
      read_rows(first, count, out.data(), nullptr);
  }

  bool read_lattice(std::int64_t first, std::int64_t count, std::span<std::byte> out,
                    std::span<float> scales) const override {
    if (view_.turned || view_.minus_one || !view_.type->lattice) {
      read(first, count, out);
      return false;
    }
    read_rows(first, count, out.data(), scales.data());
    return true;
  }

  std::uint64_t scratch_bytes(std::int64_t count) const override {
    if (view_.turned) {
      std::int64_t all = view_.rows * view_.cols;
      return stored_bytes(all) + static_cast<std::uint64_t>(all) * size_of(dtype_);
    }
    // Rows in another order may make it read up to kSpread times as many.
    return stored_bytes(count) * (view_.row_map ? kSpread : 1);
  }

 private:
  static constexpr std::int64_t kSpread = 4;

  std::uint64_t stored_bytes(std::int64_t elements) const {
    std::uint64_t block = view_.type->elements;
    return (static_cast<std::uint64_t>(elements) + block - 1) / block * view_.type->bytes;
  }

  // Stored elements from `first` on, whole blocks.
  std::vector<std::byte> fetch(std::int64_t first, std::int64_t count) const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(stored_bytes(count)));
    view_.file->read(view_.offset + stored_bytes(first), bytes);
    return bytes;
  }

  void decode(const std::byte* in, std::int64_t count, std::byte* out, float* scales) const {
    const GgufType& type = *view_.type;
    auto n = static_cast<std::size_t>(count);
    std::size_t blocks = n / type.elements;
    if (type.plain && *type.plain == dtype_) {
      std::memcpy(out, in, n * type.bytes);
    } else if (type.plain) {
      CastCounts ignored;
      cast_elements(*type.plain, in, dtype_, out, n, ignored);
    } else {
      // Safe: `out` is a buffer of its own, aligned for any element, and rows are whole floats.
      type.decode(in, blocks, reinterpret_cast<float*>(out));
    }
    if (view_.minus_one) {
      auto* values = reinterpret_cast<float*>(out);
      for (std::size_t i = 0; i < n; i++)
        values[i] -= 1.0f;
    }
    if (scales == nullptr) return;
    std::size_t repeat = type.elements / kLatticeGroup;
    for (std::size_t b = 0; b < blocks; b++)
      std::fill_n(scales + b * repeat, repeat, type.lattice(in + b * type.bytes));
  }

  void read_rows(std::int64_t first, std::int64_t count, std::byte* out, float* scales) const {
    if (!view_.row_map) {
      decode(fetch(first, count).data(), count, out, scales);
      return;
    }
    const std::int64_t cols = view_.cols;
    const std::int64_t row = first / cols, rows = count / cols;
    auto step_out = static_cast<std::size_t>(cols) * size_of(dtype_);
    auto step_scales = static_cast<std::size_t>(cols) / kLatticeGroup;
    auto step_in = static_cast<std::size_t>(stored_bytes(cols));
    std::int64_t low = view_.rows, high = 0;
    for (std::int64_t r = row; r < row + rows; r++) {
      low = std::min(low, view_.row_map(r));
      high = std::max(high, view_.row_map(r) + 1);
    }
    // Mostly close together, and then one read is quicker than many.
    bool together = high - low <= kSpread * rows;
    std::vector<std::byte> all;
    if (together) all = fetch(low * cols, (high - low) * cols);
    for (std::int64_t r = row; r < row + rows; r++) {
      if (together) {
        auto at = static_cast<std::size_t>(view_.row_map(r) - low) * step_in;
        decode(all.data() + at, cols, out, scales);
      } else {
        decode(fetch(view_.row_map(r) * cols, cols).data(), cols, out, scales);
      }
      out += step_out;
      if (scales) scales += step_scales;
    }
  }

  // The checkpoint's rows are the stored columns, so all is needed for any of them.
  void read_turned(std::int64_t first, std::int64_t count, std::byte* out) const {
    const std::int64_t all = view_.rows * view_.cols;
    const std::size_t size = size_of(dtype_);
    std::vector<std::byte> stored(static_cast<std::size_t>(all) * size);
    decode(fetch(0, all).data(), all, stored.data(), nullptr);
    for (std::int64_t i = first; i < first + count; i++, out += size) {
      std::int64_t from = i % view_.rows * view_.cols + i / view_.rows;
      std::memcpy(out, stored.data() + static_cast<std::size_t>(from) * size, size);
    }
  }

  GgufView view_;
  DType dtype_;
};

}  // namespace

GgufRowMap unpaired_rows(std::int64_t rows, std::int64_t heads) {
  std::int64_t dim = rows / heads;
  return [dim](std::int64_t row) {
    std::int64_t in_head = row % dim, half = dim / 2;
    return row - in_head + in_head % half * 2 + in_head / half;
  };
}

GgufRowMap neox_rows(std::int64_t rows, std::int64_t heads) {
  std::int64_t dim = rows / heads / 3;
  return [dim, heads](std::int64_t row) {
    std::int64_t head = row / (3 * dim), part = row / dim % 3;
    return (part * heads + head) * dim + row % dim;
  };
}

DType decoded_dtype(const GgufView& view) {
  return view.type->plain && !view.minus_one ? *view.type->plain : DType::kF32;
}

std::shared_ptr<const ElementReader> make_gguf_reader(GgufView view) {
  return std::make_shared<GgufReader>(std::move(view));
}

}  // namespace mlc
