// The fast form of group_dequantize. Codes are spread to bytes with integer arithmetic, eight at a
// time, and scaled as float32 vectors.
#include <algorithm>
#include <array>
#include <cstring>

#include "quantize/cast_element.h"
#include "quantize/element.h"
#include "quantize/group_quant.h"
#include "quantize/group_reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize/dequantize_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "quantize/rounding-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Eight codes from the low bits of x to the bytes of the result, by parting halves three times.
HWY_INLINE std::uint64_t spread_nibbles(std::uint64_t x) {
  x = (x | x << 16) & 0x0000ffff0000ffffu;
  x = (x | x << 8) & 0x00ff00ff00ff00ffu;
  return (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
}
HWY_INLINE std::uint64_t spread_triples(std::uint64_t x) {
  x = (x | x << 20) & 0x00000fff00000fffu;
  x = (x | x << 10) & 0x003f003f003f003fu;
  return (x | x << 5) & 0x0707070707070707u;
}

HWY_INLINE void unpack_q4(const std::uint32_t* words, std::uint8_t* codes) {
  for (std::size_t i = 0; i < 4; i++) {
    std::uint64_t bytes = spread_nibbles(words[i]);
    std::memcpy(codes + 8 * i, &bytes, sizeof bytes);
  }
}

// Four words of ten codes are 120 bits in a row once the two unused bits of each are gone.
HWY_INLINE void unpack_q3(const std::uint32_t* words, std::uint8_t* codes) {
  const std::uint64_t low = (words[0] & 0x3fffffffu) | std::uint64_t{words[1] & 0x3fffffffu} << 30;
  const std::uint64_t high = (words[2] & 0x3fffffffu) | std::uint64_t{words[3] & 0x3fffffffu} << 30;
  const std::uint64_t parts[] = {low & 0xffffffu, low >> 24 & 0xffffffu,
                                 (low >> 48 | high << 12) & 0xffffffu, high >> 12 & 0xffffffu,
                                 high >> 36};
  for (std::size_t i = 0; i < 5; i++) {
    std::uint64_t bytes = spread_triples(parts[i]);
    std::memcpy(codes + 8 * i, &bytes, sizeof bytes);
  }
}

template <class T>
void dequantize_rows(const Quantization& q, std::size_t rows, std::size_t cols,
                     const std::uint32_t* words, const void* q_scale, float* out) {
  // Up to this scale 8 x scale is finite in T (8 because code 15 exists, though rtn never gives
  // it).
  const float max_scale = T::kDType == DType::kF16 ? 4096.0f : 0x1p100f;
  const hn::CappedTag<float, 8> d;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  const hn::RebindToSigned<decltype(d)> di;
  const auto group_size = static_cast<std::size_t>(q.group_size);
  const std::size_t words_per_group = group_size / static_cast<std::size_t>(q.codes_per_word());
  const auto* scale = static_cast<const char*>(q_scale);
  const auto m = hn::Set(d, static_cast<float>(q.max_int()));
  alignas(64) std::array<std::uint8_t, kMaxGroupSize> codes{};
  for (std::size_t row = 0; row < rows; row++) {
    for (std::size_t col = 0; col < cols; col += group_size) {
      const std::size_t n = std::min(group_size, cols - col);
      const float s = T::widen(load_element<typename T::Bits>(scale, 0));
      if (n < group_size || !(s >= -max_scale && s <= max_scale)) {
        dequantize_group_reference(q, words, scale, n, out);
      } else {
        q.bits == 4 ? unpack_q4(words, codes.data()) : unpack_q3(words, codes.data());
        for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
          auto code = hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(d8, codes.data() + i)));
          auto w = round_vector<T>(d, hn::Mul(hn::Sub(code, m), hn::Set(d, s)));
          hn::StoreU(w, d, out + i);
        }
      }
      words += words_per_group;
      scale += sizeof(typename T::Bits);
      out += n;
    }
  }
}

void dequantize(const Quantization& q, std::size_t rows, std::size_t cols,
                const std::uint32_t* words, const void* scale, float* out) {
  const bool known = (q.bits == 4 && q.group_size == 32) || (q.bits == 3 && q.group_size == 40);
  if (known && q.model_dtype == DType::kF16)
    return dequantize_rows<ElementF16>(q, rows, cols, words, scale, out);
  if (known && q.model_dtype == DType::kBF16)
    return dequantize_rows<ElementBF16>(q, rows, cols, words, scale, out);
  if (known && q.model_dtype == DType::kF32)
    return dequantize_rows<ElementF32>(q, rows, cols, words, scale, out);
  group_dequantize_reference(q, rows, cols, words, scale, out);
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {
HWY_EXPORT(dequantize);
}  // namespace

void group_dequantize(const Quantization& q, std::size_t rows, std::size_t cols,
                      const std::uint32_t* q_weight, const void* q_scale, float* out) {
  HWY_DYNAMIC_DISPATCH(dequantize)(q, rows, cols, q_weight, q_scale, out);
}

}  // namespace mlc
#endif  // HWY_ONCE
