#include "runtime-min/kernels/check_dispatch.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/error.h"
#include "runtime-min/kernels/weight_layout.h"

namespace mlc {
namespace {

// Sizes that stick at the largest number: words are 32 bits wide, and products of three of them
// don't fit into 64.
class Size {
 public:
  constexpr Size(std::uint64_t value) : value_(value) {}  // NOLINT: a number like any other
  std::uint64_t value() const { return value_; }
  Size operator*(Size other) const {
    std::uint64_t result = 0;
    return __builtin_mul_overflow(value_, other.value_, &result) ? kMost : result;
  }
  Size operator+(Size other) const {
    std::uint64_t result = 0;
    return __builtin_add_overflow(value_, other.value_, &result) ? kMost : result;
  }

 private:
  static constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t value_;
};

// The words of a dispatch, and what has been found about it.
struct Checked {
  std::span<const std::uint32_t, kMaxWords> words;
  Extents extents = {};
  const char* wrong = nullptr;

  std::uint64_t operator[](std::size_t i) const { return words[i]; }
  void must(bool right, const char* what) {
    if (!right && wrong == nullptr) wrong = what;
  }
  void bytes(std::size_t buffer, Size size, bool used = true) {
    if (used) extents[buffer] = size.value();
  }
  void floats(std::size_t buffer, Size count, bool used = true) { bytes(buffer, count * 4, used); }
  void rows(std::size_t buffer, std::uint64_t rows, std::uint64_t stride, std::uint64_t offset,
            Size width, bool used = true) {
    if (rows != 0 && width.value() != 0)
      floats(buffer, Size(rows - 1) * stride + offset + width, used);
  }
  void states(std::uint64_t rows) { bytes(0, Size(rows) * sizeof(RowState)); }
  // Words 0 and 1 are the formats.
  void weights(Size rows, std::uint64_t k) {
    const auto format = WeightFormat{words[0]};
    must(words[0] <= 4, "the weight format");
    must(words[1] <= 2, "the scale format");
    must(k % 2 == 0 || (format != WeightFormat::kF16 && format != WeightFormat::kBF16),
         "an odd k of 16-bit weights");
    bytes(1, rows * weight_row_bytes(format, k));
    bytes(2, rows * scale_row_bytes(format, ScaleFormat{words[1]}, k));
  }
};

void embed(Checked& d) {
  d.states(d[4]);
  d.weights(d[6], d[2]);
  d.rows(3, d[4], d[9], 0, d[2]);
}

void norm(Checked& d) {
  d.must(d[0] <= 1, "the kind");
  d.must(d[1] != 0, "a width of 0");
  const Size row = Size(d[7]) * d[1];
  d.rows(0, d[6], d[8], d[9], row);
  d.rows(1, d[6], d[8], d[9], row, d[2] != 0);
  const Size vector = d[5] != 0 ? row : Size(d[1]);
  d.floats(2, vector, d[3] != 0);
  d.floats(3, vector, d[4] != 0);
  d.rows(4, d[6], d[8], d[9], row, d[2] != 0);
  d.rows(5, d[6], d[10], d[11], row);
}

void matmul(Checked& d) {
  d.rows(0, d[6], d[7], d[8], d[2]);
  d.weights(d[3], d[2]);
  d.floats(3, d[3], d[4] != 0);
  d.rows(4, d[6], d[9], d[10], d[3], d[5] != 0);
  d.rows(5, d[6], d[9], d[10], d[3]);
}

void moe_matmul(Checked& d) {
  const Size slots = Size(d[7]) * d[5];
  d.must(d[5] != 0, "no expert of a row");
  d.rows(0, d[6] != 0 ? slots.value() : d[7], d[8], 0, d[2]);
  d.weights(Size(d[10]) * d[3], d[2]);
  d.floats(3, Size(d[10]) * d[3], d[4] != 0);
  d.floats(4, slots);
  d.floats(5, slots * d[3]);
}

void rope(Checked& d) {
  d.must(d[2] % 2 == 0 && d[2] <= d[1], "the rotary dimensions");
  d.floats(0, Size(d[3]) * d[2]);
  d.rows(1, d[3], d[5], d[6], Size(d[4]) * d[1]);
}

void kv_store(Checked& d) {
  d.must(d[0] <= 1, "the format of the cache");
  d.must(d[8] < d[7], "the sinks fill the cache");
  d.states(d[3]);
  d.rows(1, d[3], d[4], std::max(d[5], d[6]), Size(d[2]) * d[1]);
  const Size slot = Size(d[2]) * d[7] * d[1] * (d[0] == 1 ? 4 : 2);
  d.bytes(2, slot);
  d.bytes(3, slot);
}

void attention(Checked& d) {
  d.must(d[0] <= 1, "the format of the cache");
  d.must(d[2] != 0 && d[3] % d[2] == 0, "query heads that are no multiple of the key heads");
  d.must(d[10] < d[9], "the sinks fill the cache");
  d.states(d[4]);
  d.rows(1, d[4], d[5], d[6], Size(d[3]) * d[1]);
  const Size slot = Size(d[2]) * d[9] * d[1] * (d[0] == 1 ? 4 : 2);
  d.bytes(2, slot);
  d.bytes(3, slot);
  d.rows(4, d[4], d[7], d[8], Size(d[3]) * d[1]);
}

void activate(Checked& d) {
  d.must(d[0] <= 10, "the activation");
  d.rows(0, d[2], d[4], d[5], Size(d[3]) * (d[1] != 0 ? 2 : 1));
  d.rows(1, d[2], d[6], d[7], d[3]);
}

void combine(Checked& d) {
  d.must(d[0] <= 5, "the combination");
  const auto kind = Combine{d.words[0]};
  d.rows(0, d[2], d[4], d[5], d[3]);
  d.rows(1, d[2], d[6], d[7], d[1] != 0 ? 1 : d[3], kind != Combine::kSoftcap);
  d.rows(2, d[2], d[8], d[9], d[3], kind == Combine::kLerp || kind == Combine::kAddScaled);
  d.rows(3, d[2], d[10], d[11], d[3]);
}

void top_experts(Checked& d) {
  d.must(d[1] != 0 && d[1] <= d[0], "more chosen than there are");
  d.must(d[2] <= 4, "the mode");
  d.rows(0, d[3], d[4], 0, d[0]);
  d.floats(1, Size(d[3]) * d[1]);
  d.floats(2, Size(d[3]) * d[1]);
}

void moe_sum(Checked& d) {
  const Size slots = Size(d[2]) * d[0];
  d.floats(0, slots * d[3]);
  d.floats(1, slots);
  d.rows(2, d[2], d[4], 0, d[3], d[1] != 0);
  d.rows(3, d[2], d[4], 0, d[3]);
}

void argmax(Checked& d) {
  d.must(d[0] != 0, "a width of 0");
  d.rows(0, d[1], d[2], 0, d[0]);
  d.floats(1, d[1]);
}

void softmax(Checked& d) {
  d.must(d[0] != 0, "a width of 0");
  d.rows(0, d[1], d[2], 0, d[0]);
  d.rows(1, d[1], d[3], 0, d[0]);
}

void top_k(Checked& d) {
  d.must(d[1] != 0 && d[1] <= 64 && d[1] <= d[0], "the count");
  d.rows(0, d[2], d[3], 0, d[0]);
  d.floats(1, Size(d[2]) * d[1]);
  d.floats(2, Size(d[2]) * d[1]);
}

void token_shift(Checked& d) {
  d.states(d[1]);
  d.rows(1, d[1], d[2], 0, d[0]);
  d.floats(2, d[0]);
  d.rows(3, d[1], d[3], 0, d[0]);
}

template <bool kDecayPerRow>
void wkv(Checked& d) {
  const Size width = Size(d[0]) * d[1];
  d.states(d[2]);
  for (std::size_t i = 1; i <= 3; i++)
    d.rows(i, d[2], d[3], 0, width);
  if (kDecayPerRow)
    d.rows(4, d[2], d[3], 0, width);
  else
    d.floats(4, width);
  d.floats(5, width);
  d.floats(6, width * d[0]);
  d.rows(7, d[2], d[3], 0, width);
}

void copy(Checked& d) {
  d.rows(0, d[0], d[2], d[3], d[1]);
  d.rows(1, d[0], d[4], d[5], d[1]);
}

Checked checked(Kernel kernel, std::span<const std::uint32_t, kMaxWords> words) {
  // In the order of the enum.
  static constexpr std::array<void (*)(Checked&), kKernels.size()> kTable = {
      embed,       norm,    matmul, moe_matmul, rope,  kv_store,    attention,  activate,  combine,
      top_experts, moe_sum, argmax, softmax,    top_k, token_shift, wkv<false>, wkv<true>, copy};
  Checked result{words};
  kTable[static_cast<std::size_t>(kernel)](result);
  return result;
}

}  // namespace

Extents extents_of(Kernel kernel, std::span<const std::uint32_t, kMaxWords> words) {
  return checked(kernel, words).extents;
}

void check_dispatch(Kernel kernel, std::span<const std::uint32_t, kMaxWords> words,
                    const Extents& bytes, const char* label) {
  const Checked found = checked(kernel, words);
  const std::string_view name = info_of(kernel).name;
  if (found.wrong != nullptr)
    fail(ExitCode::kBug, "{}: kernel {} can't have {}", label, name, found.wrong);
  for (std::size_t i = 0; i < kMaxBuffers; i++)
    if (bytes[i] < found.extents[i])
      fail(ExitCode::kBug, "{}: kernel {} needs {} bytes of buffer {}, {} are bound", label, name,
           found.extents[i], i, bytes[i]);
}

}  // namespace mlc
