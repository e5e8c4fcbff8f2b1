// q4f16_ft: 4-bit codes with one scale per output row, in the order in which FasterTransformer's
// mixed-precision GEMM loads them. docs/formats.md, "FasterTransformer layout", derives the order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quantize/group_quant.h"
#include "quantize/quantization.h"

namespace mlc {

// A tile is 64 inputs of one output row, 32 bytes; four output rows take turns tile by tile.
inline constexpr std::int64_t kFtTile = 64;
inline constexpr std::int64_t kFtColumns = 4;

// `src` holds rows x cols float16; rows is a multiple of kFtColumns, cols of kFtTile.
//   q_weight: rows x cols / 2 bytes, those of the rows' place in the whole weight
//   q_scale: rows float16
// scale = max |w| / 7, code = w / scale rounded to even, -8 to 7, stored plus 8.
struct FtBlock {
  const std::uint16_t* src = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::uint8_t* q_weight = nullptr;
  std::uint16_t* q_scale = nullptr;
};

// One element at a time.
void ft_quantize_reference(const NumericRule& rule, const FtBlock& block);
// The same bits.
void ft_quantize(const NumericRule& rule, const FtBlock& block);

// The code (0 to 15) of row `row` and input `col` in a whole q_weight of `cols` inputs, and the
// value that a runtime computes of it, as float32.
unsigned ft_code(const std::uint8_t* q_weight, std::size_t cols, std::size_t row, std::size_t col);
float ft_dequantize(unsigned code, std::uint16_t scale);

}  // namespace mlc
