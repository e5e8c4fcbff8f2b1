// 8-bit floats with one scale per tensor, or none: e4m3_e4m3_f16, e5m2_e5m2_f16.
// Numbers: docs/formats.md, "8-bit floats per tensor".
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "quantize/quantization.h"

namespace mlc {

// max |w| over a tensor as a fold in order of its elements, `acc = acc > |w| ? acc : |w|`, in parts
// that may be folded on several threads: parts are then joined in order. A NaN enters the fold and
// leaves it with the next element, so only what follows the last one counts.
struct MaxAbs {
  float value = -65504.0f;  // of what follows the last NaN; NaN if it is the last element
  bool seen_nan = false;    // then nothing before this part counts
  bool empty = true;
  void append(const MaxAbs& next);
};
MaxAbs max_abs_reference(const std::uint16_t* f16, std::size_t n);
MaxAbs max_abs(const std::uint16_t* f16, std::size_t n);

// q_scale: max / 448 in float16, at least 1 / (448 x 512), as float32.
float fp8_scale(const MaxAbs& max, const NumericRule& rule);

// float32 to an 8-bit float: to nearest, ties to even, subnormals kept; beyond the largest finite
// value, that value, also for infinities; NaN 0x7f or 0x7e with its sign.
std::uint8_t f32_to_fp8(float value, DType to);
float fp8_to_f32(std::uint8_t code, DType from);

// out[i] = to(w[i] / scale), the quotient rounded to float32.
void fp8_quantize_reference(const std::uint16_t* f16, std::size_t n, float scale, DType to,
                            std::uint8_t* out);

// The same bits from a table of all float16 values, which pays from some 100,000 elements of one
// scale on; shorter runs are quantized one by one. One object per thread.
class Fp8Quantizer {
 public:
  void quantize(const std::uint16_t* f16, std::size_t n, float scale, DType to, std::uint8_t* out);

 private:
  std::vector<std::uint8_t> table_;
  float scale_ = 0;
  DType to_ = DType::kF8E4M3FN;
  std::size_t seen_ = 0;  // elements of this scale so far
};

}  // namespace mlc
