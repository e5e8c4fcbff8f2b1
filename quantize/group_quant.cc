#include "quantize/group_quant.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "quantize/cast_element.h"
#include "quantize/element.h"
#include "quantize/group_reference.h"

namespace mlc {
namespace {

float source_as_f32(DType dtype, const void* src, std::size_t i) {
  switch (dtype) {
    case DType::kBF16:
      return bf16_to_f32(load_element<std::uint16_t>(src, i));
    case DType::kF16:
      return f16_to_f32(load_element<std::uint16_t>(src, i));
    case DType::kF32:
      return bits_f32(load_element<std::uint32_t>(src, i));
    default:
      fail(ExitCode::kBug,
           "group quantization of a {} source, expected bfloat16, float16 or float32",
           name_of(dtype));
  }
}

bool is_finite(float f) { return (f32_bits(f) & 0x7fffffffu) < 0x7f800000u; }
bool is_nan(float f) { return (f32_bits(f) & 0x7fffffffu) > 0x7f800000u; }
float absolute(float f) { return bits_f32(f32_bits(f) & 0x7fffffffu); }

// The cast to T, widened again. Bits of T itself pass untouched, NaN payloads included.
template <class T>
void load_group(const void* src, DType src_dtype, std::size_t n, float* w, QuantCounts& counts) {
  for (std::size_t i = 0; i < n; i++) {
    float before = source_as_f32(src_dtype, src, i);
    w[i] = src_dtype == T::kDType ? before : round_to<T>(before);
    if (is_nan(w[i])) {
      counts.nan_values++;
    } else if (!is_finite(w[i])) {
      counts.inf_values++;
      if (is_finite(before)) counts.overflow_values++;
    }
  }
}

// The reduction as TVM compiles it: an ordered compare, so NaN replaces the accumulator and is
// itself replaced by the next element; slots past the end of a row hold the lowest value of T.
template <class T>
float max_abs(const float* w, std::size_t n, std::size_t group_size) {
  float acc = T::widen(T::kLowest);
  for (std::size_t i = 0; i < group_size; i++) {
    float v = i < n ? absolute(w[i]) : T::widen(T::kLowest);
    acc = acc > v ? acc : v;
  }
  return acc;
}

template <class T>
typename T::Bits scale_of(float max, int max_int, bool reciprocal) {
  auto m = static_cast<float>(max_int);
  // 1/7 and 1/3 rounded to float32 and then to float16 are 0x3092 and 0x3555, the same as rounded
  // once.
  if (reciprocal) return T::narrow(max * round_to<T>(static_cast<float>(1.0 / max_int)));
  return T::narrow(max / m);
}

template <class T>
std::uint32_t code_of(float w, float scale, int max_int, Rounding rounding) {
  auto m = static_cast<float>(max_int);
  float x = round_to<T>(w / scale);
  x = round_to<T>(x + m);
  x = rounding == Rounding::kHalfAway ? std::round(x) : std::nearbyint(x);
  x = x > 0.0f ? x : 0.0f;  // NaN becomes 0 here
  x = x < 2.0f * m ? x : 2.0f * m;
  return static_cast<std::uint32_t>(x);
}

template <class T>
void quantize_group(const Quantization& q, const NumericRule& rule, const void* src,
                    DType src_dtype, std::size_t n, std::uint32_t* words, void* scale_out,
                    ErrorLanes* lanes, QuantCounts& counts) {
  const auto group_size = static_cast<std::size_t>(q.group_size);
  const auto per_word = static_cast<std::size_t>(q.codes_per_word());
  const int max_int = q.max_int();

  std::array<float, kMaxGroupSize> w;
  load_group<T>(src, src_dtype, n, w.data(), counts);
  counts.groups++;
  auto end = w.begin() + static_cast<std::ptrdiff_t>(n);
  if (std::all_of(w.begin(), end, [](float f) { return f == 0.0f; })) counts.zero_groups++;

  typename T::Bits scale_bits =
      scale_of<T>(max_abs<T>(w.data(), n, group_size), max_int, rule.reciprocal);
  std::memcpy(scale_out, &scale_bits, sizeof scale_bits);
  const float scale = T::widen(scale_bits);

  std::array<float, kMaxGroupSize> back;
  const float runtime_scale = stored_scale<T>(scale_bits);
  std::fill_n(words, group_size / per_word, 0u);
  for (std::size_t i = 0; i < n; i++) {
    std::uint32_t code = code_of<T>(w[i], scale, max_int, rule.rounding);
    words[i / per_word] |= code << (static_cast<std::size_t>(q.bits) * (i % per_word));
    back[i] = round_to<T>((static_cast<float>(code) - static_cast<float>(max_int)) * runtime_scale);
  }

  if (!std::all_of(w.begin(), end, is_finite)) return;
  if (!std::all_of(back.begin(), back.begin() + static_cast<std::ptrdiff_t>(n), is_finite)) {
    counts.overflow_groups++;
    return;
  }
  if (lanes == nullptr) return;
  for (std::size_t i = 0; i < n; i++) {
    double error = w[i] - back[i];
    double weight = w[i];
    lanes->error[i] += error * error;
    lanes->weight[i] += weight * weight;
  }
}

}  // namespace

QuantCounts& QuantCounts::operator+=(const QuantCounts& other) {
  groups += other.groups;
  zero_groups += other.zero_groups;
  nan_values += other.nan_values;
  inf_values += other.inf_values;
  overflow_values += other.overflow_values;
  lattice_groups += other.lattice_groups;
  overflow_groups += other.overflow_groups;
  square_error += other.square_error;
  square_weight += other.square_weight;
  rtn_square_error += other.rtn_square_error;
  return *this;
}

void ErrorLanes::add_to(QuantCounts& counts) const {
  for (std::size_t i = 0; i < kMaxGroupSize; i++) {
    counts.square_error += error[i];
    counts.square_weight += weight[i];
  }
}

std::size_t groups_per_row(const Quantization& q, std::size_t cols) {
  const auto group_size = static_cast<std::size_t>(q.group_size);
  return cols / group_size + (cols % group_size != 0 ? 1 : 0);
}

std::size_t words_per_row(const Quantization& q, std::size_t cols) {
  return groups_per_row(q, cols) * static_cast<std::size_t>(q.group_size / q.codes_per_word());
}

void quantize_group_reference(const Quantization& q, const NumericRule& rule, const void* src,
                              DType src_dtype, std::size_t n, std::uint32_t* words, void* scale,
                              ErrorLanes* lanes, QuantCounts& counts) {
  switch (q.model_dtype) {
    case DType::kF16:
      return quantize_group<ElementF16>(q, rule, src, src_dtype, n, words, scale, lanes, counts);
    case DType::kBF16:
      return quantize_group<ElementBF16>(q, rule, src, src_dtype, n, words, scale, lanes, counts);
    case DType::kF32:
      return quantize_group<ElementF32>(q, rule, src, src_dtype, n, words, scale, lanes, counts);
    default:
      fail(ExitCode::kBug, "quantization {} has model dtype {}, expected a float of 16 or 32 bits",
           q.name, name_of(q.model_dtype));
  }
}

void group_quantize_reference(const Quantization& q, const NumericRule& rule,
                              const GroupQuantBlock& block, bool want_error, QuantCounts& counts) {
  const auto group_size = static_cast<std::size_t>(q.group_size);
  const std::size_t words_per_group = group_size / static_cast<std::size_t>(q.codes_per_word());
  const std::size_t scale_size = size_of(q.model_dtype);
  ErrorLanes lanes;
  const auto* src = static_cast<const char*>(block.src);
  std::uint32_t* words = block.q_weight;
  auto* scale = static_cast<char*>(block.q_scale);
  for (std::size_t row = 0; row < block.rows; row++) {
    for (std::size_t col = 0; col < block.cols; col += group_size) {
      std::size_t n = std::min(group_size, block.cols - col);
      quantize_group_reference(q, rule, src, block.src_dtype, n, words, scale,
                               want_error ? &lanes : nullptr, counts);
      src += n * size_of(block.src_dtype);
      words += words_per_group;
      scale += scale_size;
    }
  }
  lanes.add_to(counts);
}

}  // namespace mlc
