#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "quantize/cast_element.h"
#include "quantize/element.h"
#include "quantize/group_quant.h"
#include "quantize/group_reference.h"

namespace mlc {
namespace {

template <class T>
void dequantize_group(const Quantization& q, const std::uint32_t* words, const void* scale,
                      std::size_t n, float* out) {
  const auto per_word = static_cast<std::size_t>(q.codes_per_word());
  const auto bits = static_cast<std::size_t>(q.bits);
  const std::uint32_t mask = (1u << bits) - 1u;
  const auto max_int = static_cast<float>(q.max_int());
  const float s = T::widen(load_element<typename T::Bits>(scale, 0));
  for (std::size_t i = 0; i < n; i++) {
    std::uint32_t code = words[i / per_word] >> (bits * (i % per_word)) & mask;
    out[i] = round_to<T>((static_cast<float>(code) - max_int) * s);
  }
}

}  // namespace

void dequantize_group_reference(const Quantization& q, const std::uint32_t* words,
                                const void* scale, std::size_t n, float* out) {
  switch (q.model_dtype) {
    case DType::kF16:
      return dequantize_group<ElementF16>(q, words, scale, n, out);
    case DType::kBF16:
      return dequantize_group<ElementBF16>(q, words, scale, n, out);
    case DType::kF32:
      return dequantize_group<ElementF32>(q, words, scale, n, out);
    default:
      fail(ExitCode::kBug, "quantization {} has model dtype {}, expected a float of 16 or 32 bits",
           q.name, name_of(q.model_dtype));
  }
}

void group_dequantize_reference(const Quantization& q, std::size_t rows, std::size_t cols,
                                const std::uint32_t* q_weight, const void* q_scale, float* out) {
  const auto group_size = static_cast<std::size_t>(q.group_size);
  const std::size_t words_per_group = group_size / static_cast<std::size_t>(q.codes_per_word());
  const auto* scale = static_cast<const char*>(q_scale);
  for (std::size_t row = 0; row < rows; row++) {
    for (std::size_t col = 0; col < cols; col += group_size) {
      std::size_t n = std::min(group_size, cols - col);
      dequantize_group_reference(q, q_weight, scale, n, out);
      q_weight += words_per_group;
      scale += size_of(q.model_dtype);
      out += n;
    }
  }
}

}  // namespace mlc
