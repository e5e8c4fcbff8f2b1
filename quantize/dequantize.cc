#include <cstring>

#include "base/error.h"
#include "quantize/element.h"
#include "quantize/group_quant.h"

namespace mlc {
namespace {

template <class T>
void dequantize(const Quantization& q, std::size_t rows, std::size_t cols,
                const std::uint32_t* q_weight, const void* q_scale, float* out) {
  const auto group_size = static_cast<std::size_t>(q.group_size);
  const auto per_word = static_cast<std::size_t>(q.codes_per_word());
  const std::size_t words = words_per_row(q, cols);
  const std::size_t groups = groups_per_row(q, cols);
  const auto mask = (1u << q.bits) - 1u;
  const auto max_int = static_cast<float>(q.max_int());
  for (std::size_t row = 0; row < rows; row++) {
    for (std::size_t col = 0; col < cols; col++) {
      typename T::Bits bits;
      std::memcpy(
          &bits,
          static_cast<const char*>(q_scale) + (row * groups + col / group_size) * sizeof(bits),
          sizeof bits);
      std::uint32_t word = q_weight[row * words + col / per_word];
      std::uint32_t code = (word >> (static_cast<std::size_t>(q.bits) * (col % per_word))) & mask;
      out[row * cols + col] = round_to<T>((static_cast<float>(code) - max_int) * T::widen(bits));
    }
  }
}

}  // namespace

void group_dequantize_reference(const Quantization& q, std::size_t rows, std::size_t cols,
                                const std::uint32_t* q_weight, const void* q_scale, float* out) {
  switch (q.model_dtype) {
    case DType::kF16:
      return dequantize<ElementF16>(q, rows, cols, q_weight, q_scale, out);
    case DType::kBF16:
      return dequantize<ElementBF16>(q, rows, cols, q_weight, q_scale, out);
    case DType::kF32:
      return dequantize<ElementF32>(q, rows, cols, q_weight, q_scale, out);
    default:
      fail(ExitCode::kBug, "quantization {} has model dtype {}, expected a float of 16 or 32 bits",
           q.name, name_of(q.model_dtype));
  }
}

void group_dequantize(const Quantization& q, std::size_t rows, std::size_t cols,
                      const std::uint32_t* q_weight, const void* q_scale, float* out) {
  group_dequantize_reference(q, rows, cols, q_weight, q_scale, out);
}

}  // namespace mlc
