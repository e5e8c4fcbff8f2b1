// Kernels that choose among the values of a row: top_experts, argmax, softmax, top_k.
#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime-min/cpu/functions.h"
#include "runtime-min/cpu/reference.h"

namespace mlc {
namespace {

std::size_t row_cost(const Arguments& a) { return 10 * a.size(0); }

// The indices of the `count` largest, larger first, of equal ones the lower index.
std::vector<std::uint32_t> largest(const float* x, std::size_t width, std::size_t count) {
  std::vector<std::uint32_t> chosen;
  chosen.reserve(count + 1);
  for (std::uint32_t i = 0; i < width; i++) {
    if (chosen.size() == count && !(x[i] > x[chosen.back()])) continue;
    const auto place = std::find_if(chosen.begin(), chosen.end(),
                                    [&](std::uint32_t other) { return x[i] > x[other]; });
    chosen.insert(place, i);
    if (chosen.size() > count) chosen.pop_back();
  }
  return chosen;
}

std::size_t top_experts_items(const Arguments& a) { return a.size(3); }

void top_experts(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t experts = a.size(0), top_k = a.size(1), mode = a.size(2);
  for (std::size_t r = begin; r < end; r++) {
    const float* x = a.f32(0) + r * a.size(4);
    // Every mode's score grows with the logit, so logits decide: scores may round to equal ones.
    const std::vector<std::uint32_t> chosen = largest(x, experts, top_k);
    const float shift = x[chosen[0]];
    float all = 0, sum = 0;
    for (std::size_t e = 0; e < experts; e++)
      all += std::exp(x[e] - shift);
    float* weights = a.f32(2) + r * top_k;
    for (std::size_t j = 0; j < top_k; j++) {
      const float logit = x[chosen[j]];
      weights[j] = mode >= 3 ? sigmoid(logit) : std::exp(logit - shift);
      sum += weights[j];
      a.u32(1)[r * top_k + j] = chosen[j];
    }
    // The divisor "sum of the chosen" of mode 1 cancels the sum over all: modes 1 and 2 are equal.
    const float divisor = mode == 0 ? all : mode == 3 ? 1.0f : sum;
    for (std::size_t j = 0; j < top_k; j++)
      weights[j] = weights[j] / divisor * a.real(5);
  }
}

std::size_t argmax_items(const Arguments& a) { return a.size(1); }

void argmax(const Arguments& a, std::size_t begin, std::size_t end) {
  for (std::size_t r = begin; r < end; r++) {
    const float* x = a.f32(0) + r * a.size(2);
    std::uint32_t best = 0;
    for (std::uint32_t i = 1; i < a.words[0] && !std::isnan(x[best]); i++)
      if (x[i] > x[best] || std::isnan(x[i])) best = i;
    a.u32(1)[r] = best;
  }
}

std::size_t softmax_items(const Arguments& a) { return a.size(1); }

void softmax(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t width = a.size(0);
  for (std::size_t r = begin; r < end; r++) {
    const float* x = a.f32(0) + r * a.size(2);
    float* y = a.f32(1) + r * a.size(3);
    const float scale = a.real(4);
    float shift = scale * x[0], sum = 0;
    for (std::size_t i = 1; i < width; i++)
      shift = std::max(shift, scale * x[i]);
    for (std::size_t i = 0; i < width; i++)
      sum += std::exp(scale * x[i] - shift);
    for (std::size_t i = 0; i < width; i++)
      y[i] = std::exp(scale * x[i] - shift) / sum;
  }
}

std::size_t top_k_items(const Arguments& a) { return a.size(2); }

void top_k(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t count = a.size(1);
  for (std::size_t r = begin; r < end; r++) {
    const float* x = a.f32(0) + r * a.size(3);
    const std::vector<std::uint32_t> chosen = largest(x, a.size(0), count);
    for (std::size_t j = 0; j < count; j++) {
      a.u32(1)[r * count + j] = chosen[j];
      a.f32(2)[r * count + j] = x[chosen[j]];
    }
  }
}

}  // namespace

constexpr CpuKernel kReferenceTopExperts = {top_experts_items, top_experts, row_cost};
constexpr CpuKernel kReferenceArgmax = {argmax_items, argmax, row_cost};
constexpr CpuKernel kReferenceSoftmax = {softmax_items, softmax, row_cost};
constexpr CpuKernel kReferenceTopK = {top_k_items, top_k, row_cost};

}  // namespace mlc
