// embed, matmul, moe_matmul in float64.
#include "verify/kernel_cases/bounds.h"
#include "verify/kernel_cases/instance.h"

namespace mlc {
namespace {

struct Weight {
  double value;
  // What a kernel may have in between: code * scale and zero * scale apart, as sum(code x) - zero
  // sum(x) has them.
  double magnitude;
};

double half_at(const std::vector<std::uint32_t>& words, std::size_t i, bool brain) {
  const auto half = static_cast<std::uint16_t>(words.at(i / 2) >> (i % 2 * 16));
  return double{brain ? bf16_to_f32(half) : f16_to_f32(half)};
}

Weight weight(const Instance& t, std::size_t row, std::size_t column, std::size_t k) {
  const auto& words = t.buffer(1);
  const std::size_t element = row * k + column;
  double value = 0;
  switch (WeightFormat{t.words[0]}) {
    case WeightFormat::kF32:
      value = t.f32(1, element);
      return {value, std::fabs(value)};
    case WeightFormat::kF16:
    case WeightFormat::kBF16:
      value = half_at(words, element, WeightFormat{t.words[0]} == WeightFormat::kBF16);
      return {value, std::fabs(value)};
    case WeightFormat::kQ4:
    case WeightFormat::kQ3:
      break;
  }
  const bool q4 = WeightFormat{t.words[0]} == WeightFormat::kQ4;
  const std::size_t size = q4 ? 32 : 40, per_word = q4 ? 8 : 10, bits = q4 ? 4 : 3;
  const double zero = q4 ? 7 : 3;
  const std::size_t groups = (k + size - 1) / size, group = row * groups + column / size;
  const std::size_t at = column % size;
  const std::uint32_t word = words.at(group * (size / per_word) + at / per_word);
  const double code = word >> (at % per_word * bits) & ((1u << bits) - 1);
  const auto format = ScaleFormat{t.words[1]};
  const double scale = format == ScaleFormat::kF32
                           ? t.f32(2, group)
                           : half_at(t.buffer(2), group, format == ScaleFormat::kBF16);
  return {(code - zero) * scale, (code + zero) * std::fabs(scale)};
}

struct Sum {
  double value = 0, bound = 0, magnitude = 0;
};

std::vector<Weight> weight_row(const Instance& t, std::size_t row, std::size_t k) {
  std::vector<Weight> weights(k);
  for (std::size_t c = 0; c < k; c++)
    weights[c] = weight(t, row, c, k);
  return weights;
}

// sum_c x[at + c] w[c]. Each product takes part in at most k + 8 roundings: the product, its
// scale, the zero's correction, and the additions. Flushing loses at most eta per operand and
// result, times the other operand.
Sum dot(const Instance& t, std::size_t x_at, const std::vector<Weight>& weights) {
  Sum sum;
  double flushed = 0;
  for (std::size_t c = 0; c < weights.size(); c++) {
    const Weight w = weights[c];
    const double x = t.f32(0, x_at + c);
    sum.value += x * w.value;
    sum.magnitude += std::fabs(x) * w.magnitude;
    flushed += (std::fabs(x) + w.magnitude + 4) * kEta;
  }
  sum.bound = gamma(static_cast<double>(weights.size()) + 8) * sum.magnitude + flushed;
  return sum;
}

}  // namespace

void evaluate_embed(Instance& t) {
  const std::size_t width = t.size(2), begin = t.size(5), count = t.size(6), stride = t.size(9);
  for (std::size_t r = 0; r < t.size(4); r++) {
    const RowState state = t.row(r);
    const std::size_t index = t.words[3] != 0 ? state.position : state.token;
    if (state.slot == kInactive || index < begin || index >= begin + count) continue;
    for (std::size_t i = 0; i < width; i++) {
      const Weight w = weight(t, index - begin, i, width);
      const double m = t.real(8), old = t.words[7] != 0 ? t.f32(3, r * stride + i) : 0;
      t.want(
          3, r * stride + i, old + m * w.value,
          gamma(4) * (std::fabs(old) + std::fabs(m) * w.magnitude) + 4 * kEta * (1 + std::fabs(m)));
    }
  }
}

void evaluate_matmul(Instance& t) {
  const std::size_t k = t.size(2), n = t.size(3), rows = t.size(6);
  const double scale = t.real(11);
  for (std::size_t i = 0; i < n; i++) {
    std::vector<Weight> weights;
    for (std::size_t r = 0; r < rows; r++) {
      const std::size_t at = r * t.size(9) + t.size(10) + i;
      if (!t.sample(5, at, i, n)) continue;
      if (weights.empty()) weights = weight_row(t, i, k);
      const Sum sum = dot(t, r * t.size(7) + t.size(8), weights);
      const double bias = t.words[4] != 0 ? t.f32(3, i) : 0;
      const double residual = t.words[5] != 0 ? t.f32(4, at) : 0;
      // Three more roundings: the bias, the scale, the residual.
      const double magnitude =
          std::fabs(scale) * (sum.magnitude + std::fabs(bias)) + std::fabs(residual);
      t.want(5, at, scale * (sum.value + bias) + residual,
             std::fabs(scale) * sum.bound * (1 + gamma(3)) + gamma(3) * magnitude + 8 * kEta);
    }
  }
}

void evaluate_moe_matmul(Instance& t) {
  const std::size_t k = t.size(2), n = t.size(3), top_k = t.size(5);
  for (std::size_t slot = 0; slot < t.size(7) * top_k; slot++) {
    const std::size_t expert = t.buffers[4].at(slot), first = t.size(9);
    if (expert < first || expert >= first + t.size(10)) continue;
    const std::size_t x_row = t.words[6] != 0 ? slot : slot / top_k;
    for (std::size_t i = 0; i < n; i++) {
      const std::size_t row = (expert - first) * n + i;
      if (!t.sample(5, slot * n + i, i, n)) continue;
      const Sum sum = dot(t, x_row * t.size(8), weight_row(t, row, k));
      const double bias = t.words[4] != 0 ? t.f32(3, row) : 0;
      t.want(5, slot * n + i, sum.value + bias,
             sum.bound * (1 + gamma(1)) + gamma(1) * (sum.magnitude + std::fabs(bias)) + 4 * kEta);
    }
  }
}

}  // namespace mlc
