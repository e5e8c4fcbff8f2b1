#include "convert/packed_scaled.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "quantize/cast_element.h"

namespace mlc {
namespace {

// A table of all values: one look-up an element instead of arithmetic on bits.
std::array<float, 256> values_of(DType dtype) {
  std::array<float, 256> table{};
  std::array<std::uint8_t, table.size()> codes{};
  std::iota(codes.begin(), codes.end(), std::uint8_t{0});
  for (std::size_t i = 0; i < table.size(); i++)
    table[i] = with_element(dtype, codes.data(), i, [](auto v) { return static_cast<float>(v); });
  return table;
}

void put(std::byte* out, std::int64_t i, float value) {
  std::memcpy(out + static_cast<std::size_t>(i) * sizeof value, &value, sizeof value);
}

class ScaledReader : public ElementReader {
 public:
  explicit ScaledReader(ScaledWeight s)
      : s_(std::move(s)), values_(values_of(s_.weight.info().dtype)) {
    const std::vector<std::int64_t>& shape = s_.weight.info().shape;
    rows_ = shape[shape.size() - 2];
    cols_ = shape.back();
    scale_rows_ = (rows_ + s_.block_rows - 1) / s_.block_rows;
    scale_cols_ = (cols_ + s_.block_cols - 1) / s_.block_cols;
  }

  void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const override {
    if (count == 0) return;
    std::vector<std::byte> codes(static_cast<std::size_t>(count));
    s_.weight.read(first, count, codes);
    std::int64_t row = first / cols_;
    std::int64_t rows = count / cols_;
    std::int64_t first_line = scale_line(row);
    std::int64_t lines = scale_line(row + rows - 1) - first_line + 1;
    std::vector<std::byte> stored(static_cast<std::size_t>(lines * scale_cols_) *
                                  size_of(s_.scale.info().dtype));
    std::vector<float> scales(static_cast<std::size_t>(lines * scale_cols_));
    s_.scale.read(first_line * scale_cols_, lines * scale_cols_, stored);
    s_.scale.widen(stored, scales);
    for (std::int64_t r = 0; r < rows; r++) {
      const float* line = scales.data() + (scale_line(row + r) - first_line) * scale_cols_;
      const std::byte* in = codes.data() + r * cols_;
      std::byte* to = out.data() + r * cols_ * static_cast<std::int64_t>(sizeof(float));
      for (std::int64_t b = 0; b < scale_cols_; b++)
        for (std::int64_t i = b * s_.block_cols; i < std::min(cols_, (b + 1) * s_.block_cols); i++)
          put(to, i, values_[static_cast<std::uint8_t>(in[i])] * line[b]);
    }
  }

  std::uint64_t scratch_bytes(std::int64_t count) const override {
    std::int64_t lines = count / std::max<std::int64_t>(1, cols_) / s_.block_rows + 2;
    return static_cast<std::uint64_t>(count + lines * scale_cols_ * 8);
  }

 private:
  // Leading dimensions (experts) have blocks of their own.
  std::int64_t scale_line(std::int64_t row) const {
    return row / rows_ * scale_rows_ + row % rows_ / s_.block_rows;
  }

  ScaledWeight s_;
  std::array<float, 256> values_;
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::int64_t scale_rows_ = 0;
  std::int64_t scale_cols_ = 0;
};

class Mxfp4Reader : public ElementReader {
 public:
  Mxfp4Reader(StoredTensor blocks, StoredTensor scales)
      : blocks_(std::move(blocks)),
        scales_(std::move(scales)),
        powers_(values_of(DType::kF8E8M0)) {}

  void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const override {
    // Bit 3 is the sign; the others an exponent of two bits and a mantissa of one.
    static constexpr std::array<float, 16> kE2m1 = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,
                                                    4.0f,  6.0f,  -0.0f, -0.5f, -1.0f, -1.5f,
                                                    -2.0f, -3.0f, -4.0f, -6.0f};
    std::int64_t n = count / kMxBlock;
    std::vector<std::byte> codes(static_cast<std::size_t>(count / 2));
    std::vector<std::byte> scales(static_cast<std::size_t>(n));
    blocks_.read(first / 2, count / 2, codes);
    scales_.read(first / kMxBlock, n, scales);
    for (std::int64_t b = 0; b < n; b++) {
      float power = powers_[static_cast<std::uint8_t>(scales[static_cast<std::size_t>(b)])];
      for (std::int64_t i = b * kMxBlock; i < (b + 1) * kMxBlock; i += 2) {
        auto two = static_cast<std::uint8_t>(codes[static_cast<std::size_t>(i / 2)]);
        put(out.data(), i, kE2m1[two & 15u] * power);
        put(out.data(), i + 1, kE2m1[two >> 4] * power);
      }
    }
  }

  std::uint64_t scratch_bytes(std::int64_t count) const override {
    return static_cast<std::uint64_t>(count / 2 + count / kMxBlock);
  }

 private:
  StoredTensor blocks_;
  StoredTensor scales_;
  std::array<float, 256> powers_;
};

}  // namespace

std::shared_ptr<const ElementReader> make_scaled_reader(ScaledWeight scaled) {
  return std::make_shared<ScaledReader>(std::move(scaled));
}

std::shared_ptr<const ElementReader> make_mxfp4_reader(StoredTensor blocks, StoredTensor scales) {
  return std::make_shared<Mxfp4Reader>(std::move(blocks), std::move(scales));
}

}  // namespace mlc
