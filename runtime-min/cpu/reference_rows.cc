// Kernels on rows of activations: norm, activate, combine, copy, moe_sum.
#include <cmath>
#include <cstring>

#include "runtime-min/cpu/functions.h"
#include "runtime-min/cpu/reference.h"

namespace mlc {
namespace {

std::size_t norm_items(const Arguments& a) { return a.size(6) * a.size(7); }
std::size_t norm_cost(const Arguments& a) { return 4 * a.size(1); }

void norm(const Arguments& a, std::size_t begin, std::size_t end) {
  const bool layer = a.words[0] == 1, per_head = a.flag(5);
  const std::size_t width = a.size(1), heads = a.size(7);
  const auto n = static_cast<float>(width);
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t r = item / heads, h = item % heads;
    const std::size_t x_at = r * a.size(8) + a.size(9) + h * width;
    const std::size_t y_at = r * a.size(10) + a.size(11) + h * width;
    const std::size_t w_at = per_head ? h * width : 0;
    const float* x = a.f32(0) + x_at;
    if (a.flag(2)) {
      float* sum = a.f32(4) + x_at;
      for (std::size_t i = 0; i < width; i++)
        sum[i] = x[i] + a.f32(1)[x_at + i];
      x = sum;
    }
    float mean = 0, square = 0;
    if (layer) {
      for (std::size_t i = 0; i < width; i++)
        mean += x[i];
      mean /= n;
    }
    for (std::size_t i = 0; i < width; i++)
      square += (x[i] - mean) * (x[i] - mean);
    const float factor = 1.0f / std::sqrt(square / n + a.real(12));
    float* y = a.f32(5) + y_at;
    for (std::size_t i = 0; i < width; i++) {
      float value = (x[i] - mean) * factor;
      if (a.flag(3)) value *= a.f32(2)[w_at + i];
      if (a.flag(4)) value += a.f32(3)[w_at + i];
      y[i] = value;
    }
  }
}

std::size_t activate_items(const Arguments& a) { return a.size(2) * a.size(3); }
std::size_t function_cost(const Arguments& /*a*/) { return 10; }

void activate(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t width = a.size(3);
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t r = item / width, i = item % width;
    const float* x = a.f32(0) + r * a.size(4) + a.size(5);
    float value = activation_value(Activation{a.words[0]}, x[i]);
    if (a.flag(1)) value *= x[width + i];
    a.f32(1)[r * a.size(6) + a.size(7) + i] = value;
  }
}

std::size_t combine_items(const Arguments& a) { return a.size(2) * a.size(3); }

void combine(const Arguments& a, std::size_t begin, std::size_t end) {
  const auto kind = Combine{a.words[0]};
  const bool broadcast = a.flag(1);
  const std::size_t width = a.size(3);
  const float alpha = a.real(12), beta = a.real(13);
  const bool uses_b = kind != Combine::kSoftcap;
  const bool uses_c = kind == Combine::kLerp || kind == Combine::kAddScaled;
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t r = item / width, i = item % width;
    const float x = a.f32(0)[r * a.size(4) + a.size(5) + i];
    const float b = uses_b ? a.f32(1)[r * a.size(6) + a.size(7) + (broadcast ? 0 : i)] : 0;
    const float c = uses_c ? a.f32(2)[r * a.size(8) + a.size(9) + i] : 0;
    float y = 0;
    switch (kind) {
      case Combine::kAdd:
        y = alpha * x + beta * b;
        break;
      case Combine::kMul:
        y = alpha * x * b;
        break;
      case Combine::kMulSigmoid:
        y = alpha * x * sigmoid(b);
        break;
      case Combine::kSoftcap:
        y = softcapped(x, alpha);
        break;
      case Combine::kLerp:
        y = x + (b - x) * c;
        break;
      case Combine::kAddScaled:
        y = x + b * c;
        break;
    }
    a.f32(3)[r * a.size(10) + a.size(11) + i] = y;
  }
}

std::size_t copy_items(const Arguments& a) { return a.size(0); }
std::size_t copy_cost(const Arguments& a) { return a.size(1) / 4; }

void copy(const Arguments& a, std::size_t begin, std::size_t end) {
  for (std::size_t r = begin; r < end; r++)
    std::memcpy(a.u32(1) + r * a.size(4) + a.size(5), a.u32(0) + r * a.size(2) + a.size(3),
                a.size(1) * sizeof(std::uint32_t));
}

std::size_t moe_sum_items(const Arguments& a) { return a.size(2) * a.size(3); }
std::size_t moe_sum_cost(const Arguments& a) { return 1 + a.size(0); }

void moe_sum(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t top_k = a.size(0), width = a.size(3), y_stride = a.size(4);
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t r = item / width, i = item % width;
    float sum = a.flag(1) ? a.f32(2)[r * y_stride + i] : 0;
    for (std::size_t j = 0; j < top_k; j++)
      sum += a.f32(1)[r * top_k + j] * a.f32(0)[(r * top_k + j) * width + i];
    a.f32(3)[r * y_stride + i] = sum;
  }
}

}  // namespace

constexpr CpuKernel kReferenceNorm = {norm_items, norm, norm_cost};
constexpr CpuKernel kReferenceActivate = {activate_items, activate, function_cost};
constexpr CpuKernel kReferenceCombine = {combine_items, combine, function_cost};
constexpr CpuKernel kReferenceCopy = {copy_items, copy, copy_cost};
constexpr CpuKernel kReferenceMoeSum = {moe_sum_items, moe_sum, moe_sum_cost};

}  // namespace mlc
