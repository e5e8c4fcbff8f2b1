#include "quantize/lattice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "quantize/cast_element.h"
#include "quantize/element.h"

namespace mlc {
namespace {

constexpr std::size_t kWords = kLatticeGroup / 8;

void widen(DType dtype, const void* src, float* w) {
  for (std::size_t i = 0; i < kLatticeGroup; i++) {
    if (dtype == DType::kF32)
      w[i] = bits_f32(load_element<std::uint32_t>(src, i));
    else if (dtype == DType::kF16)
      w[i] = f16_to_f32(load_element<std::uint16_t>(src, i));
    else
      w[i] = bf16_to_f32(load_element<std::uint16_t>(src, i));
  }
}

// Added and taken away again, 1.5 x 2^23 rounds a small float32 to an integer, ties to even,
// without a call per element.
constexpr float kRounder = 12582912.0f;

// The nearest code for every element, and the proof that no element is lost. The quotient only
// proposes: a code is right when its product is.
template <class T>
bool codes_of(const float* w, float scale, std::uint32_t* words) {
  // A scale of zero proposes 0 for everything, and the products decide.
  const float divisor = scale == 0.0f ? std::numeric_limits<float>::infinity() : scale;
  std::array<float, kLatticeGroup> level;
  int outside = 0, unequal = 0;
  for (std::size_t i = 0; i < kLatticeGroup; i++) {
    const float quotient = w[i] / divisor;
    outside |= !(quotient > -7.5f) | !(quotient < 8.5f);  // NaN, too
    level[i] = (quotient + kRounder) - kRounder;
    unequal |= level[i] * scale != w[i];
  }
  if (outside) return false;
  // Equal before the rounding to T is equal after it; the other way round costs more.
  for (std::size_t i = 0; unequal && i < kLatticeGroup; i++)
    if (round_to<T>(level[i] * scale) != round_to<T>(w[i])) return false;
  std::fill_n(words, kWords, 0u);
  for (std::size_t i = 0; i < kLatticeGroup; i++)
    words[i / 8] |= static_cast<std::uint32_t>(level[i] + 7.0f) << (4 * (i % 8));
  return true;
}

template <class T>
void quantize(const Quantization& q, const NumericRule& rule, const GroupQuantBlock& block,
              std::span<const float> scales, GroupQuantFn otherwise, bool want_error,
              QuantCounts& counts) {
  const std::size_t size = size_of(block.src_dtype);
  const auto* src = static_cast<const char*>(block.src);
  auto* out_scales = static_cast<char*>(block.q_scale);
  auto rest = [&](std::size_t first, std::size_t last) {
    if (first == last) return;
    otherwise(q, rule,
              {.src = src + first * kLatticeGroup * size,
               .src_dtype = block.src_dtype,
               .rows = last - first,
               .cols = kLatticeGroup,
               .q_weight = block.q_weight + first * kWords,
               .q_scale = out_scales + first * sizeof(typename T::Bits)},
              want_error, counts);
  };
  std::size_t pending = 0;  // groups from here on wait for `otherwise`
  std::array<float, kLatticeGroup> w;
  for (std::size_t g = 0; g < scales.size(); g++) {
    typename T::Bits bits = T::narrow(scales[g]);
    // A scale that the record can't hold exactly, and levels that overflow, have nothing to keep.
    if (stored_scale<T>(bits) != scales[g] || !std::isfinite(round_to<T>(8 * scales[g]))) continue;
    widen(block.src_dtype, src + g * kLatticeGroup * size, w.data());
    std::array<std::uint32_t, kWords> words;
    if (!codes_of<T>(w.data(), scales[g], words.data())) continue;
    rest(pending, g);
    pending = g + 1;
    std::copy(words.begin(), words.end(), block.q_weight + g * kWords);
    std::memcpy(out_scales + g * sizeof bits, &bits, sizeof bits);
    counts.groups++;
    counts.lattice_groups++;
    if (std::all_of(w.begin(), w.end(), [](float f) { return f == 0.0f; })) counts.zero_groups++;
    if (!want_error) continue;
    for (float f : w) {
      double weight = round_to<T>(f);
      counts.square_weight += weight * weight;
    }
  }
  rest(pending, scales.size());
}

}  // namespace

bool holds_lattice(const Quantization& q) {
  return q.kind == QuantKind::kGroup && q.bits == 4 &&
         q.group_size == static_cast<int>(kLatticeGroup);
}

void group_quantize_lattice(const Quantization& q, const NumericRule& rule,
                            const GroupQuantBlock& block, std::span<const float> scales,
                            GroupQuantFn otherwise, bool want_error, QuantCounts& counts) {
  if (!holds_lattice(q) || block.cols % kLatticeGroup != 0 ||
      scales.size() != block.rows * (block.cols / kLatticeGroup))
    fail(ExitCode::kBug, "a lattice of {} scales for {} x {} elements of {}", scales.size(),
         block.rows, block.cols, q.name);
  switch (q.model_dtype) {
    case DType::kF16:
      return quantize<ElementF16>(q, rule, block, scales, otherwise, want_error, counts);
    case DType::kBF16:
      return quantize<ElementBF16>(q, rule, block, scales, otherwise, want_error, counts);
    case DType::kF32:
      return quantize<ElementF32>(q, rule, block, scales, otherwise, want_error, counts);
    default:
      fail(ExitCode::kBug, "quantization {} has model dtype {}, expected a float of 16 or 32 bits",
           q.name, name_of(q.model_dtype));
  }
}

}  // namespace mlc
