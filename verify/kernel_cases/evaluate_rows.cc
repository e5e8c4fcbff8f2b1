// norm, activate, combine, copy, moe_sum in float64.
#include <algorithm>

#include "verify/kernel_cases/bounds.h"
#include "verify/kernel_cases/instance.h"

namespace mlc {
namespace {

// A value and how far a device may be from it.
struct Near {
  double value, bound;
};

// sigmoid(x) for an x that is off by `off`: its derivative is at most 1/4 and at most the value, so
// that the relative change is at most `off`.
Near sigmoid(double x, double off = 0) {
  const double value = 1 / (1 + std::exp(-x));
  return {value, value * (sigmoid_error(x) + off) * (1 + 4 * kU) + 2 * kEta};
}

Near activation(Activation kind, double x) {
  const double size = std::fabs(x);
  switch (kind) {
    case Activation::kSilu: {
      const Near s = sigmoid(x);
      return {x * s.value, size * s.bound + kU * size * s.value + 4 * kEta * (1 + size)};
    }
    case Activation::kGelu: {
      // erf's argument is off by 2 u relative; |z erf'(z)| <= 0.49.
      const double value = x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
      return {value, size / 2 * (kErfError + 2 * kU) + gamma(3) * std::fabs(value) + 4 * kEta};
    }
    case Activation::kGeluTanh: {
      // tanh's argument is off by 6 u relative; |z tanh'(z)| <= 0.45.
      const double z = std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
      const double value = x / 2 * (1 + std::tanh(z));
      return {value, size / 2 * (kTanhError + 4 * kU) + gamma(3) * std::fabs(value) + 4 * kEta};
    }
    case Activation::kRelu:
      return {std::max(x, 0.0), kEta};
    case Activation::kRelu2: {
      const double value = x > 0 ? x * x : 0;
      return {value, kU * value + 2 * kEta * (1 + size)};
    }
    case Activation::kSigmoid:
      return sigmoid(x);
    case Activation::kTanh:
      return {std::tanh(x), kTanhError};
    case Activation::kExp: {
      const double value = std::exp(x);
      return {value, value * exp_error(x) + 2 * kEta};
    }
    case Activation::kIdentity:
      return {x, kEta};
    case Activation::kQuickGelu: {
      const Near s = sigmoid(1.702 * x, 2 * 1.702 * size * kU);
      return {x * s.value, size * s.bound + kU * size * s.value + 4 * kEta * (1 + size)};
    }
    case Activation::kExpNegExp: {
      // The inner value e is off by e exp_error(x), which the outer function makes relative.
      const double inner = std::exp(x), value = std::exp(-inner);
      return {value, value * (1.01 * inner * exp_error(x) + exp_error(inner)) + 2 * kEta};
    }
  }
  return {0, 0};
}

}  // namespace

void evaluate_norm(Instance& t) {
  const bool layer = t.words[0] == 1;
  const std::size_t width = t.size(1);
  const auto n = static_cast<double>(width);
  for (std::size_t r = 0; r < t.size(6); r++)
    for (std::size_t h = 0; h < t.size(7); h++) {
      const std::size_t x_at = r * t.size(8) + t.size(9) + h * width;
      const std::size_t y_at = r * t.size(10) + t.size(11) + h * width;
      const std::size_t w_at = t.words[5] != 0 ? h * width : 0;
      std::vector<double> v(width), off(width);
      double mean = 0, size = 0, off_mean = 0;
      for (std::size_t i = 0; i < width; i++) {
        v[i] = t.f32(0, x_at + i);
        off[i] = kEta;
        if (t.words[2] != 0) {
          v[i] += t.f32(1, x_at + i);
          off[i] += kU * std::fabs(v[i]);
          t.want(4, x_at + i, v[i], off[i] + kEta);
        }
        mean += v[i] / n;
        size += std::fabs(v[i]) / n;
        off_mean += off[i] / n;
      }
      if (!layer) mean = 0;
      // The mean takes n roundings; the deviation one more; then squares and their sum.
      const double mean_bound = layer ? off_mean + gamma(n + 2) * (size + off_mean) : 0;
      double square = 0, square_off = 0;
      for (std::size_t i = 0; i < width; i++) {
        v[i] -= mean;
        off[i] += mean_bound + (layer ? kU * (std::fabs(v[i]) + mean_bound) : 0);
        square += v[i] * v[i] / n;
        square_off += (2 * std::fabs(v[i]) + off[i]) * off[i] / n + 2 * kEta;
      }
      square_off += gamma(n + 3) * (square + square_off);
      const double under = square + t.real(12);
      square_off += kU * (under + square_off);
      // 1 / sqrt over [under - square_off, ...]: the derivative is largest at the lower end.
      const double factor = 1 / std::sqrt(under);
      const double low = under - square_off;
      const double factor_bound =
          low > 0 ? (1 / std::sqrt(low) - factor) + kRootError / std::sqrt(low) : HUGE_VAL;
      for (std::size_t i = 0; i < width; i++) {
        const double w = t.words[3] != 0 ? t.f32(2, w_at + i) : 1;
        const double b = t.words[4] != 0 ? t.f32(3, w_at + i) : 0;
        const double value = v[i] * factor * w;
        const double bound =
            std::fabs(w) * (off[i] * (factor + factor_bound) + std::fabs(v[i]) * factor_bound);
        t.want(5, y_at + i, value + b,
               bound + gamma(3) * (std::fabs(value) + bound + std::fabs(b)) +
                   4 * kEta * (1 + std::fabs(w)));
      }
    }
}

void evaluate_activate(Instance& t) {
  const std::size_t width = t.size(3);
  for (std::size_t r = 0; r < t.size(2); r++)
    for (std::size_t i = 0; i < width; i++) {
      const std::size_t at = r * t.size(4) + t.size(5) + i;
      Near y = activation(Activation{t.words[0]}, t.f32(0, at));
      if (t.words[1] != 0) {
        const double up = t.f32(0, at + width);
        const double size = std::fabs(up * y.value);
        y = {y.value * up, y.bound * std::fabs(up) * (1 + kU) + kU * size + kEta * (1 + size)};
      }
      t.want(1, r * t.size(6) + t.size(7) + i, y.value, y.bound);
    }
}

void evaluate_combine(Instance& t) {
  const auto kind = Combine{t.words[0]};
  const double alpha = t.real(12), beta = t.real(13);
  for (std::size_t r = 0; r < t.size(2); r++)
    for (std::size_t i = 0; i < t.size(3); i++) {
      const double a = t.f32(0, r * t.size(4) + t.size(5) + i);
      const double b = kind == Combine::kSoftcap
                           ? 0
                           : t.f32(1, r * t.size(6) + t.size(7) + (t.words[1] != 0 ? 0 : i));
      const double c = kind == Combine::kLerp || kind == Combine::kAddScaled
                           ? t.f32(2, r * t.size(8) + t.size(9) + i)
                           : 0;
      Near y{0, 0};
      switch (kind) {
        case Combine::kAdd:
          y.value = alpha * a + beta * b;
          y.bound = gamma(2) * (std::fabs(alpha * a) + std::fabs(beta * b));
          break;
        case Combine::kMul:
          y.value = alpha * a * b;
          y.bound = gamma(2) * std::fabs(y.value);
          break;
        case Combine::kMulSigmoid: {
          const Near s = sigmoid(b);
          y.value = alpha * a * s.value;
          y.bound = std::fabs(alpha * a) * s.bound * (1 + 4 * kU) + gamma(2) * std::fabs(y.value);
          break;
        }
        case Combine::kSoftcap:
          // tanh's argument is off by a division; |z tanh'(z)| <= 0.45.
          y.value = alpha * std::tanh(a / alpha);
          y.bound = std::fabs(alpha) * (kTanhError + kDivideError) + kU * std::fabs(y.value);
          break;
        case Combine::kLerp:
          // As written, or as a (1 - c) + b c.
          y.value = a + (b - a) * c;
          y.bound = gamma(4) * (std::fabs(a) + (std::fabs(a) + std::fabs(b)) * (1 + std::fabs(c)));
          break;
        case Combine::kAddScaled:
          y.value = a + b * c;
          y.bound = gamma(2) * (std::fabs(a) + std::fabs(b * c));
          break;
      }
      y.bound += 4 * kEta * (1 + std::fabs(a) + std::fabs(b) + std::fabs(c) + std::fabs(alpha));
      t.want(3, r * t.size(10) + t.size(11) + i, y.value, y.bound);
    }
}

void evaluate_copy(Instance& t) {
  t.element[1] = Element::kU32;
  for (std::size_t r = 0; r < t.size(0); r++)
    for (std::size_t i = 0; i < t.size(1); i++)
      t.want(1, r * t.size(4) + t.size(5) + i, t.buffer(0).at(r * t.size(2) + t.size(3) + i), 0);
}

void evaluate_moe_sum(Instance& t) {
  const std::size_t top_k = t.size(0), width = t.size(3), stride = t.size(4);
  for (std::size_t r = 0; r < t.size(2); r++)
    for (std::size_t i = 0; i < width; i++) {
      double sum = t.words[1] != 0 ? t.f32(2, r * stride + i) : 0, size = std::fabs(sum);
      for (std::size_t j = 0; j < top_k; j++) {
        const double term = t.f32(1, r * top_k + j) * t.f32(0, (r * top_k + j) * width + i);
        sum += term;
        size += std::fabs(term);
      }
      t.want(3, r * stride + i, sum,
             gamma(static_cast<double>(top_k) + 1) * size + 4 * kEta * (1 + size));
    }
}

}  // namespace mlc
