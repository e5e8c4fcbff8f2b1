#include "quantize/ft_pack.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/half.h"

namespace mlc {
namespace {

constexpr std::size_t kTile = static_cast<std::size_t>(kFtTile);
constexpr std::size_t kColumns = static_cast<std::size_t>(kFtColumns);
constexpr float kMaxInt = 7;
constexpr std::uint16_t kInfinity = 0x7c00;

// Each step rounds to float16; float32 holds the exact product and enough of the quotient: 24 bits
// are twice 11 and two more, so the second rounding changes nothing.
std::uint16_t scale_of(std::uint16_t max_abs, const NumericRule& rule) {
  float max = f16_to_f32(max_abs);
  if (rule.reciprocal) return f32_to_f16(max * f16_to_f32(f32_to_f16(1.0f / kMaxInt)));
  return f32_to_f16(max / kMaxInt);
}

// As tir.max folds: a NaN enters and leaves with the next element.
std::uint16_t max_abs_of(const std::uint16_t* row, std::size_t cols) {
  float acc = -65504.0f;
  for (std::size_t c = 0; c < cols; c++) {
    float v = std::fabs(f16_to_f32(row[c]));
    acc = acc > v ? acc : v;
  }
  return f32_to_f16(acc);
}

unsigned code_of(std::uint16_t w, std::uint16_t scale) {
  float x = f16_to_f32(f32_to_f16(f16_to_f32(w) / f16_to_f32(scale)));
  x = std::nearbyint(x);
  x = x > -kMaxInt - 1 ? x : -kMaxInt - 1;  // also where x is a NaN
  x = x < kMaxInt ? x : kMaxInt;
  return static_cast<unsigned>(static_cast<int>(x) + 8);
}

// Where the code of (row, col) lies: the byte, and in it the half (0 low, 1 high).
//   LDSM order: of 32 neighbouring inputs the one at place 8 a + 2 b + e (a, b = 0..3, e = 0, 1)
//   goes to place 8 b + 2 a + e, for a thread of the tensor core loads eight places of a row.
//   Register order: of these eight, places 0 2 4 6 1 3 5 7 from the low bits up, for the kernel
//   widens even and odd ones apart.
struct Place {
  std::size_t byte;
  unsigned shift;
};
Place place_of(std::size_t cols, std::size_t row, std::size_t col) {
  std::size_t a = col % 32 / 8;
  std::size_t b = col % 8 / 2;
  std::size_t e = col % 2;
  std::size_t nibble = col / 32 * 32 + 8 * b + a + 4 * e;  // in a row of its own
  std::size_t tile = nibble / kTile;
  std::size_t byte = row / kColumns * (kColumns * cols / 2) +
                     (tile * kColumns + row % kColumns) * (kTile / 2) + nibble % kTile / 2;
  return {byte, nibble % 2 == 0 ? 0u : 4u};
}

}  // namespace

void ft_quantize_reference(const NumericRule& rule, const FtBlock& block) {
  std::fill_n(block.q_weight, block.rows * block.cols / 2, std::uint8_t{0});
  for (std::size_t r = 0; r < block.rows; r++) {
    const std::uint16_t* row = block.src + r * block.cols;
    std::uint16_t scale = scale_of(max_abs_of(row, block.cols), rule);
    block.q_scale[r] = scale;
    for (std::size_t c = 0; c < block.cols; c++) {
      Place place = place_of(block.cols, r, c);
      block.q_weight[place.byte] = static_cast<std::uint8_t>(block.q_weight[place.byte] |
                                                             code_of(row[c], scale) << place.shift);
    }
  }
}

namespace {

// The loops below have no branches, so that the compiler makes vectors of them.

std::uint16_t largest_bits(const std::uint16_t* row, std::size_t cols) {
  std::uint16_t max = 0;
  for (std::size_t c = 0; c < cols; c++)
    max = std::max(max, static_cast<std::uint16_t>(row[c] & 0x7fff));
  return max;
}

// For finite w and a scale that is neither zero nor infinite.
void codes_of(const std::uint16_t* row, std::size_t cols, float scale, std::uint8_t* codes) {
  // Adding and taking away 1.5 x 2^23 rounds to an integer, ties to even.
  const float round = 12582912.0f;
  for (std::size_t c = 0; c < cols; c++) {
    // The exponent field of float16 moved to that of float32 is 112 too small, which the product
    // with 2^112 corrects, for subnormals as well.
    std::uint32_t h = row[c];
    float magnitude = bits_f32((h & 0x7fffu) << 13) * bits_f32(0x77800000u);
    float v = bits_f32(f32_bits(magnitude) | (h & 0x8000u) << 16);
    float x = v / scale;
    // To 11 bits, ties to even; below the range of float16's normal numbers the code is 0 anyway.
    std::uint32_t u = f32_bits(x);
    u = (u + 0xfffu + (u >> 13 & 1u)) & ~0x1fffu;
    x = bits_f32(u);
    x = std::max(-kMaxInt - 1, std::min(kMaxInt, x));
    x = (x + round) - round;
    codes[c] = static_cast<std::uint8_t>(static_cast<int>(x) + 8);
  }
}

// 32 codes in input order, into 16 bytes: word b takes codes 8 a + 2 b + e as nibble a + 4 e.
void pack_32(const std::uint8_t* codes, std::uint8_t* out) {
  for (std::size_t b = 0; b < 4; b++) {
    std::uint32_t word = 0;
    for (std::size_t a = 0; a < 4; a++) {
      const std::uint8_t* pair = codes + 8 * a + 2 * b;
      word |= (std::uint32_t{pair[0]} | std::uint32_t{pair[1]} << 16) << (4 * a);
    }
    std::memcpy(out + 4 * b, &word, 4);
  }
}

}  // namespace

void ft_quantize(const NumericRule& rule, const FtBlock& block) {
  std::vector<std::uint8_t> codes(block.cols);
  for (std::size_t r = 0; r < block.rows; r++) {
    const std::uint16_t* row = block.src + r * block.cols;
    std::uint16_t largest = largest_bits(row, block.cols);
    bool finite = largest < kInfinity;
    std::uint16_t scale = scale_of(finite ? largest : max_abs_of(row, block.cols), rule);
    block.q_scale[r] = scale;
    // A small scale is rough enough for quotients beyond what the fast rounding was written for.
    if (finite && scale >= 0x0400) {
      codes_of(row, block.cols, f16_to_f32(scale), codes.data());
    } else {
      for (std::size_t c = 0; c < block.cols; c++)
        codes[c] = static_cast<std::uint8_t>(code_of(row[c], scale));
    }
    std::uint8_t* out =
        block.q_weight + r / kColumns * (kColumns * block.cols / 2) + r % kColumns * (kTile / 2);
    for (std::size_t c = 0; c < block.cols; c += kTile, out += kColumns * kTile / 2) {
      pack_32(codes.data() + c, out);
      pack_32(codes.data() + c + 32, out + 16);
    }
  }
}

unsigned ft_code(const std::uint8_t* q_weight, std::size_t cols, std::size_t row, std::size_t col) {
  Place place = place_of(cols, row, col);
  return static_cast<unsigned>(q_weight[place.byte]) >> place.shift & 15u;
}

float ft_dequantize(unsigned code, std::uint16_t scale) {
  return f16_to_f32(f32_to_f16((static_cast<float>(code) - 8.0f) * f16_to_f32(scale)));
}

}  // namespace mlc
