// The plain form of --method search: one group at a time, one element at a time.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "quantize/cast_element.h"
#include "quantize/element.h"
#include "quantize/group_search.h"

namespace mlc::search {
namespace {

float source_as_f32(DType dtype, const void* src, std::size_t i) {
  if (dtype == DType::kF16) return f16_to_f32(load_element<std::uint16_t>(src, i));
  if (dtype == DType::kBF16) return bf16_to_f32(load_element<std::uint16_t>(src, i));
  return bits_f32(load_element<std::uint32_t>(src, i));
}

struct Group {
  std::array<float, kMaxGroupSize> w;  // after the cast to T
  std::size_t size;
  float max_abs;  // infinity when an element is NaN
};

template <class T>
Group load_group(const GroupQuantBlock& block, const GroupPlace& place) {
  Group group{{}, place.size, 0};
  for (std::size_t i = 0; i < place.size; ++i) {
    group.w[i] = round_to<T>(source_as_f32(block.src_dtype, block.src, place.offset + i));
    group.max_abs =
        std::isnan(group.w[i]) ? INFINITY : std::max(group.max_abs, std::fabs(group.w[i]));
  }
  return group;
}

// Steps 1 to 3; the scale's bits of T.
template <class T>
typename T::Bits best_scale(const Quantization& q, const Group& group) {
  std::array<int, kMaxGroupSize> x{};
  const float factor = static_cast<float>(kUnit) / group.max_abs;
  for (std::size_t i = 0; i < group.size; ++i) {
    x[i] = static_cast<int>(std::nearbyint(group.w[i] * factor));
  }
  const int m = q.max_int();
  float best_product = 0;
  float best_square = 1;
  for (int k = candidates(q.bits).first; k <= candidates(q.bits).last; ++k) {
    for (const int negative : {0, 1}) {
      int product_sum = 0;
      int square_sum = 0;
      for (std::size_t i = 0; i < group.size; ++i) {
        const int nearest = (x[i] * k + (1 << (kProductShift - 1))) >> kProductShift;
        const int code = std::clamp(nearest, -m - negative, m + 1 - negative);
        product_sum += x[i] * code;
        square_sum += code * code;
      }
      const auto product = static_cast<float>(product_sum);
      const auto square = static_cast<float>(square_sum);
      if (product * product * best_square > best_product * best_product * square) {
        best_product = negative != 0 ? -product : product;
        best_square = square;
      }
    }
  }
  const float scale = best_product / best_square * (group.max_abs / static_cast<float>(kUnit));
  if constexpr (T::kDType == DType::kF32) return f32_bits(round_to<ElementBF16>(scale));
  return T::narrow(scale);
}

using Codes = std::array<int, kMaxGroupSize>;  // what they stand for, -M to M+1

Codes nearest_codes(const Quantization& q, const Group& group, float scale) {
  Codes codes{};
  const float inverse = 1.0f / scale;
  const auto m = static_cast<float>(q.max_int());
  for (std::size_t i = 0; i < group.size; ++i) {
    codes[i] = static_cast<int>(std::nearbyint(std::clamp(group.w[i] * inverse, -m, m + 1)));
  }
  return codes;
}

template <class T>
float square_error(const Group& group, const Codes& codes, float scale) {
  float sum = 0;
  for (std::size_t i = 0; i < group.size; ++i) {
    const float error = group.w[i] - round_to<T>(static_cast<float>(codes[i]) * scale);
    sum += error * error;
  }
  return sum;
}

Codes unpack(const Quantization& q, const std::uint32_t* words, std::size_t size) {
  Codes codes{};
  const auto per_word = static_cast<std::size_t>(q.codes_per_word());
  for (std::size_t i = 0; i < size; ++i) {
    const auto shift = static_cast<unsigned>(i % per_word) * static_cast<unsigned>(q.bits);
    codes[i] = static_cast<int>(words[i / per_word] >> shift & ((1u << q.bits) - 1u)) - q.max_int();
  }
  return codes;
}

void pack(const Quantization& q, const Codes& codes, std::size_t size, std::uint32_t* words) {
  const auto per_word = static_cast<std::size_t>(q.codes_per_word());
  std::fill_n(words, kWordsPerGroup, 0u);
  for (std::size_t i = 0; i < size; ++i) {
    const auto shift = static_cast<unsigned>(i % per_word) * static_cast<unsigned>(q.bits);
    words[i / per_word] |= static_cast<std::uint32_t>(codes[i] + q.max_int()) << shift;
  }
}

template <class T>
void improve_batch(const Quantization& q, const GroupQuantBlock& block, std::size_t first,
                   std::size_t count, BatchErrors& errors) {
  const std::size_t groups_in_row = groups_per_row(q, block.cols);
  constexpr Range kRange = searched_range(T::kDType);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = first + i;
    const Group group = load_group<T>(block, place_of(q, block.cols, groups_in_row, index));
    errors.searched[i] = group.max_abs >= kRange.least && group.max_abs <= kRange.most;
    if (!errors.searched[i]) continue;

    std::uint32_t* words = block.q_weight + index * kWordsPerGroup;
    const auto rtn_scale = load_element<typename T::Bits>(block.q_scale, index);
    errors.rtn[i] =
        square_error<T>(group, unpack(q, words, group.size), stored_scale<T>(rtn_scale));
    errors.kept[i] = errors.rtn[i];
    errors.weight[i] = square_error<T>(group, {}, 0.0f);
    const typename T::Bits bits = best_scale<T>(q, group);
    const float scale = T::widen(bits);
    if (scale == 0) continue;  // too small for T; 1 / scale would be infinite
    const Codes codes = nearest_codes(q, group, scale);
    const float error = square_error<T>(group, codes, scale);
    if (error < errors.rtn[i] * kAccept && errors.rtn[i] > kLeastError) {
      errors.kept[i] = error;
      pack(q, codes, group.size, words);
      std::memcpy(static_cast<std::byte*>(block.q_scale) + index * sizeof(bits), &bits,
                  sizeof(bits));
    }
  }
}

}  // namespace

void improve_batch_reference(const Quantization& q, const GroupQuantBlock& block, std::size_t first,
                             std::size_t count, BatchErrors& errors) {
  if (q.model_dtype == DType::kF16) {
    improve_batch<ElementF16>(q, block, first, count, errors);
  } else if (q.model_dtype == DType::kBF16) {
    improve_batch<ElementBF16>(q, block, first, count, errors);
  } else {
    improve_batch<ElementF32>(q, block, first, count, errors);
  }
}

}  // namespace mlc::search
