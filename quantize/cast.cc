#include "quantize/cast.h"

#include <cstring>

#include "base/error.h"
#include "quantize/cast_element.h"
#include "quantize/element.h"

namespace mlc {
namespace {

template <class T>
struct Narrow {
  typename T::Bits operator()(float f) const { return T::narrow(f); }
  typename T::Bits operator()(double d) const {
    if constexpr (T::kDType == DType::kF16) return f64_to_f16(d);
    if constexpr (T::kDType == DType::kBF16) return f64_to_bf16(d);
    return T::narrow(static_cast<float>(d));
  }
};

bool is_finite(double d) { return (std::bit_cast<std::uint64_t>(d) >> 52 & 0x7ffu) != 0x7ffu; }

template <class T>
void cast_to(DType from, const void* src, void* dst, std::size_t n, CastCounts& counts) {
  for (std::size_t i = 0; i < n; i++) {
    auto bits = with_element(from, src, i, Narrow<T>{});
    // The same dtype is copied, NaN payloads included.
    if (from == T::kDType) bits = load_element<typename T::Bits>(src, i);
    std::memcpy(static_cast<char*>(dst) + i * sizeof bits, &bits, sizeof bits);
    const std::uint32_t magnitude = f32_bits(T::widen(bits)) & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
      counts.nan_values++;
    } else if (magnitude == 0x7f800000u) {
      counts.inf_values++;
      if (with_element(from, src, i, [](auto v) { return is_finite(v); })) counts.overflow_values++;
    }
  }
}

}  // namespace

void cast_elements_reference(DType from, const void* src, DType to, void* dst, std::size_t n,
                             CastCounts& counts) {
  switch (to) {
    case DType::kF16:
      return cast_to<ElementF16>(from, src, dst, n, counts);
    case DType::kBF16:
      return cast_to<ElementBF16>(from, src, dst, n, counts);
    case DType::kF32:
      return cast_to<ElementF32>(from, src, dst, n, counts);
    default:
      fail(ExitCode::kBug, "cast to {}, expected float16, bfloat16 or float32", name_of(to));
  }
}

void store_f32_as_bf16_reference(const float* src, void* dst, std::size_t n) {
  for (std::size_t i = 0; i < n; i++) {
    std::uint16_t bits = f32_to_bf16_mlc(src[i]);
    std::memcpy(static_cast<char*>(dst) + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace mlc
