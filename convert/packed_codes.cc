#include "convert/packed_codes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "quantize/lattice.h"

namespace mlc {
namespace {

// Rows decoded at a time: enough that strided reads are long, few enough to stay in a cache.
constexpr std::int64_t kBlockElements = std::int64_t{128} << 10;
constexpr std::int64_t kLeastRows = 8;

// Where a word's code k belongs among its columns. AWQ's GEMM kernel wants even columns first.
constexpr std::array<int, 8> kAwqOrder = {0, 2, 4, 6, 1, 3, 5, 7};

class CodeReader : public ElementReader {
 public:
  explicit CodeReader(PackedCodes packed)
      : p_(std::move(packed)),
        per_word_(32 / p_.bits),
        mask_((1u << p_.bits) - 1),
        block_rows_(std::max(kLeastRows, kBlockElements / std::max<std::int64_t>(1, p_.in))) {}

  void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const override {
    decode(first, count, out, {});
  }

  bool read_lattice(std::int64_t first, std::int64_t count, std::span<std::byte> out,
                    std::span<float> scales) const override {
    constexpr auto kGroup = static_cast<std::int64_t>(kLatticeGroup);
    bool fits = p_.bits == 4 && p_.column_group.empty() && p_.in % kGroup == 0 &&
                (p_.groups == 1 || p_.group_size % kGroup == 0);
    decode(first, count, out, fits ? scales : std::span<float>());
    return fits;
  }

  std::uint64_t scratch_bytes(std::int64_t count) const override {
    std::int64_t rows = std::min(block_rows_, count / std::max<std::int64_t>(1, p_.in) + 1);
    // Codes as bytes and as words (AWQ's words hold up to seven rows more), zero points twice,
    // scales twice, and a chunk of whole rows.
    std::int64_t padded = rows + 2 * per_word_;
    return static_cast<std::uint64_t>(padded * (p_.in * 2 + p_.groups * 20)) +
           (std::uint64_t{128} << 10);
  }

 private:
  struct Block {
    std::int64_t row = 0;
    std::int64_t rows = 0;
    std::vector<std::uint8_t> codes;  // [rows, in]
    std::vector<std::int32_t> zeros;  // [rows, groups]
    std::vector<float> scales;        // [rows, groups]
    std::vector<std::byte> stored;
  };

  void decode(std::int64_t first, std::int64_t count, std::span<std::byte> out,
              std::span<float> lattice) const {
    if (count == 0) return;
    std::int64_t row = first / p_.in;
    std::int64_t end = row + count / p_.in;
    Block b;
    for (std::byte* to = out.data(); row < end; row += block_rows_) {
      b.row = row;
      b.rows = std::min(block_rows_, end - row);
      read_codes(b);
      read_zeros(b);
      read_scales(b);
      multiply(b, to);
      to += b.rows * p_.in * static_cast<std::int64_t>(sizeof(float));
      if (!lattice.empty()) {
        lattice_scales(b, lattice);
        lattice = lattice.subspan(
            static_cast<std::size_t>(b.rows * (p_.in / static_cast<std::int64_t>(kLatticeGroup))));
      }
    }
  }

  // Words of columns [col, col + width) in a table of `height` rows and `cols` columns.
  static const std::uint32_t* words(Block& b, const StoredTensor& from, std::int64_t cols,
                                    std::int64_t row, std::int64_t height, std::int64_t col,
                                    std::int64_t width) {
    b.stored.resize(static_cast<std::size_t>(height * width) * sizeof(std::uint32_t));
    from.read_columns(cols, row, height, col, width, b.stored);
    // Safe: operator new aligns the buffer for any element.
    return reinterpret_cast<const std::uint32_t*>(b.stored.data());
  }

  std::uint32_t code(std::uint32_t word, std::int64_t k) const {
    return word >> (static_cast<int>(k) * p_.bits) & mask_;
  }

  // A table [lines, out / per_word] whose words run along `out`, as to[row][line].
  template <class T>
  void along_out(Block& b, const StoredTensor& from, std::int64_t lines, T* to) const {
    std::int64_t cols = (p_.out + per_word_ - 1) / per_word_;
    std::int64_t col = b.row / per_word_;
    std::int64_t width = (b.row + b.rows - 1) / per_word_ - col + 1;
    const std::uint32_t* w = words(b, from, cols, 0, lines, col, width);
    std::array<std::int64_t, 32> order{};
    for (std::int64_t k = 0; k < per_word_; k++)
      order[static_cast<std::size_t>(k)] =
          p_.layout == CodeLayout::kAwq ? kAwqOrder[static_cast<std::size_t>(k)] : k;
    for (std::int64_t line = 0; line < lines; line++)
      for (std::int64_t c = 0; c < width; c++) {
        std::uint32_t word = w[line * width + c];
        for (std::int64_t k = 0; k < per_word_; k++) {
          std::int64_t r = (col + c) * per_word_ + order[static_cast<std::size_t>(k)] - b.row;
          if (r >= 0 && r < b.rows) to[r * lines + line] = static_cast<T>(code(word, k));
        }
      }
  }

  void read_codes(Block& b) const {
    b.codes.resize(static_cast<std::size_t>(b.rows * p_.in));
    std::uint8_t* to = b.codes.data();
    if (p_.layout == CodeLayout::kAwq) return along_out(b, p_.codes, p_.in, to);
    std::int64_t per_row = (p_.in + per_word_ - 1) / per_word_;
    bool turned = p_.layout == CodeLayout::kGptq;
    const std::uint32_t* w = turned ? words(b, p_.codes, p_.out, 0, per_row, b.row, b.rows)
                                    : words(b, p_.codes, per_row, b.row, b.rows, 0, per_row);
    for (std::int64_t r = 0; r < b.rows; r++)
      for (std::int64_t c = 0; c < per_row; c++) {
        std::uint32_t word = turned ? w[c * b.rows + r] : w[r * per_row + c];
        std::int64_t n = std::min<std::int64_t>(per_word_, p_.in - c * per_word_);
        for (std::int64_t k = 0; k < n; k++)
          to[r * p_.in + c * per_word_ + k] = static_cast<std::uint8_t>(code(word, k));
      }
  }

  void read_zeros(Block& b) const {
    b.zeros.assign(static_cast<std::size_t>(b.rows * p_.groups), 1 << (p_.bits - 1));
    if (!p_.zeros) return;
    if (p_.layout != CodeLayout::kCompressed) {
      along_out(b, *p_.zeros, p_.groups, b.zeros.data());
    } else {
      std::int64_t first = b.row / per_word_;
      std::int64_t height = (b.row + b.rows - 1) / per_word_ - first + 1;
      const std::uint32_t* w = words(b, *p_.zeros, p_.groups, first, height, 0, p_.groups);
      for (std::int64_t r = 0; r < b.rows; r++)
        for (std::int64_t g = 0; g < p_.groups; g++) {
          std::int64_t row = b.row + r;
          b.zeros[static_cast<std::size_t>(r * p_.groups + g)] = static_cast<std::int32_t>(
              code(w[(row / per_word_ - first) * p_.groups + g], row % per_word_));
        }
    }
    for (std::int32_t& z : b.zeros)
      z += p_.zero_offset;
  }

  void read_scales(Block& b) const {
    auto n = static_cast<std::size_t>(b.rows * p_.groups);
    b.scales.resize(n);
    b.stored.resize(n * size_of(p_.scales.info().dtype));
    if (p_.layout == CodeLayout::kCompressed) {
      p_.scales.read_columns(p_.groups, b.row, b.rows, 0, p_.groups, b.stored);
      p_.scales.widen(b.stored, b.scales);
      return;
    }
    p_.scales.read_columns(p_.out, 0, p_.groups, b.row, b.rows, b.stored);
    std::vector<float> turned(n);
    p_.scales.widen(b.stored, turned);
    for (std::int64_t g = 0; g < p_.groups; g++)
      for (std::int64_t r = 0; r < b.rows; r++)
        b.scales[static_cast<std::size_t>(r * p_.groups + g)] =
            turned[static_cast<std::size_t>(g * b.rows + r)];
  }

  void multiply(const Block& b, std::byte* out) const {
    for (std::int64_t r = 0; r < b.rows; r++) {
      const std::uint8_t* codes = b.codes.data() + r * p_.in;
      const std::int32_t* zeros = b.zeros.data() + r * p_.groups;
      const float* scales = b.scales.data() + r * p_.groups;
      auto put = [&](std::int64_t i, std::int64_t g) {
        float value = static_cast<float>(codes[i] - zeros[g]) * scales[g];
        std::memcpy(out + (r * p_.in + i) * static_cast<std::int64_t>(sizeof value), &value,
                    sizeof value);
      };
      if (!p_.column_group.empty()) {
        for (std::int64_t i = 0; i < p_.in; i++)
          put(i, p_.column_group[static_cast<std::size_t>(i)]);
        continue;
      }
      for (std::int64_t g = 0; g < p_.groups; g++) {
        std::int64_t end = std::min(p_.in, (g + 1) * p_.group_size);
        for (std::int64_t i = g * p_.group_size; i < end; i++)
          put(i, g);
      }
    }
  }

  // With zero point z the levels are -z..15 - z; those of MLC are -7..8. From z = 8 on the
  // mirrored codes fit better. What does not fit fails the proof of the taker.
  void lattice_scales(const Block& b, std::span<float> to) const {
    std::int64_t per_row = p_.in / static_cast<std::int64_t>(kLatticeGroup);
    for (std::int64_t r = 0; r < b.rows; r++)
      for (std::int64_t i = 0; i < per_row; i++) {
        std::int64_t g = i * static_cast<std::int64_t>(kLatticeGroup) / p_.group_size;
        auto at = static_cast<std::size_t>(r * p_.groups + g);
        to[static_cast<std::size_t>(r * per_row + i)] =
            b.zeros[at] >= 8 ? -b.scales[at] : b.scales[at];
      }
  }

  PackedCodes p_;
  std::int64_t per_word_;
  std::uint32_t mask_;
  std::int64_t block_rows_;
};

}  // namespace

std::shared_ptr<const ElementReader> make_code_reader(PackedCodes packed) {
  return std::make_shared<CodeReader>(std::move(packed));
}

}  // namespace mlc
