#include "quantize/fp8_pack.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/half.h"

namespace mlc {
namespace {

struct Fp8Form {
  int mantissa;
  int bias;
  std::uint8_t largest;  // code of the largest finite value
  std::uint8_t nan;
};
constexpr Fp8Form kE4M3{3, 7, 0x7e, 0x7f};   // 448; no infinity
constexpr Fp8Form kE5M2{2, 15, 0x7b, 0x7e};  // 57344; 0x7c is infinity
const Fp8Form& form_of(DType dtype) { return dtype == DType::kF8E5M2 ? kE5M2 : kE4M3; }

constexpr float kLargestE4M3 = 448;
constexpr std::size_t kTableSize = 65536;

}  // namespace

void MaxAbs::append(const MaxAbs& next) {
  if (next.empty) return;
  if (empty || next.seen_nan || std::isnan(value)) {
    bool nan = seen_nan || next.seen_nan;
    *this = next;
    seen_nan = nan;
    return;
  }
  value = value > next.value ? value : next.value;
}

MaxAbs max_abs_reference(const std::uint16_t* f16, std::size_t n) {
  MaxAbs max;
  for (std::size_t i = 0; i < n; i++) {
    float v = std::fabs(f16_to_f32(f16[i]));
    max.value = max.value > v ? max.value : v;
    max.seen_nan = max.seen_nan || std::isnan(v);
    max.empty = false;
  }
  return max;
}

MaxAbs max_abs(const std::uint16_t* f16, std::size_t n) {
  // Without their sign, numbers have the order of their bits, and NaN lies above infinity.
  std::uint16_t largest = 0;
  for (std::size_t i = 0; i < n; i++)
    largest = std::max(largest, static_cast<std::uint16_t>(f16[i] & 0x7fff));
  if (n == 0 || largest > 0x7c00) return max_abs_reference(f16, n);
  return {.value = f16_to_f32(largest), .seen_nan = false, .empty = false};
}

float fp8_scale(const MaxAbs& max, const NumericRule& rule) {
  std::uint16_t scale = rule.reciprocal
                            ? f32_to_f16(max.value * f16_to_f32(f32_to_f16(1 / kLargestE4M3)))
                            : f32_to_f16(max.value / kLargestE4M3);
  // TensorRT-LLM's least scaling factor.
  float least = f16_to_f32(f32_to_f16(1.0f / (kLargestE4M3 * 512)));
  float value = f16_to_f32(scale);
  return value > least ? value : least;
}

std::uint8_t f32_to_fp8(float value, DType to) {
  const Fp8Form& form = form_of(to);
  std::uint32_t u = f32_bits(value);
  auto sign = static_cast<std::uint8_t>(u >> 24 & 0x80u);
  if (std::isnan(value)) return sign | form.nan;
  // The value in units of the smallest step around it is exact in double; nearbyint ties to even.
  double x = std::fabs(double{value});
  int exponent = x == 0 ? 1 - form.bias : std::max(std::ilogb(x), 1 - form.bias);
  double largest = double{fp8_to_f32(form.largest, to)};
  if (x >= largest) return sign | form.largest;
  auto steps = static_cast<int>(std::nearbyint(std::ldexp(x, form.mantissa - exponent)));
  // The implicit bit adds one to the exponent field; so does a carry.
  int code = ((exponent + form.bias - 1) << form.mantissa) + steps;
  return static_cast<std::uint8_t>(sign | std::min(code, int{form.largest}));
}

float fp8_to_f32(std::uint8_t code, DType from) {
  const Fp8Form& form = form_of(from);
  int magnitude = code & 0x7f;
  float sign = (code & 0x80) != 0 ? -1.0f : 1.0f;
  if (magnitude > form.largest)
    return from == DType::kF8E5M2 && magnitude == 0x7c
               ? sign * std::numeric_limits<float>::infinity()
               : std::numeric_limits<float>::quiet_NaN();
  int exponent = magnitude >> form.mantissa;
  int mantissa = magnitude & ((1 << form.mantissa) - 1);
  if (exponent == 0)
    return sign * std::ldexp(static_cast<float>(mantissa), 1 - form.bias - form.mantissa);
  return sign * std::ldexp(static_cast<float>(mantissa + (1 << form.mantissa)),
                           exponent - form.bias - form.mantissa);
}

void fp8_quantize_reference(const std::uint16_t* f16, std::size_t n, float scale, DType to,
                            std::uint8_t* out) {
  for (std::size_t i = 0; i < n; i++)
    out[i] = f32_to_fp8(f16_to_f32(f16[i]) / scale, to);
}

void Fp8Quantizer::quantize(const std::uint16_t* f16, std::size_t n, float scale, DType to,
                            std::uint8_t* out) {
  if (f32_bits(scale) != f32_bits(scale_) || to != to_) {
    scale_ = scale;
    to_ = to;
    seen_ = 0;
    table_.clear();
  }
  seen_ += n;
  if (table_.empty() && seen_ < kTableSize) {
    fp8_quantize_reference(f16, n, scale, to, out);
    return;
  }
  if (table_.empty()) {
    std::vector<std::uint16_t> all(kTableSize);
    for (std::size_t i = 0; i < kTableSize; i++)
      all[i] = static_cast<std::uint16_t>(i);
    table_.resize(kTableSize);
    fp8_quantize_reference(all.data(), kTableSize, scale, to, table_.data());
  }
  for (std::size_t i = 0; i < n; i++)
    out[i] = table_[f16[i]];
}

}  // namespace mlc
