// Kernels on rows of activations: norm, activate, combine.
#include <cmath>

#include "runtime-min/cpu/fast.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime-min/cpu/rows_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "runtime-min/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {

// Sum of the vectors term(load); elements behind the end are in it as load fills them.
template <class Term>
HWY_INLINE float sum_of(std::size_t n, const Term& term) {
  const F d;
  VF sum = hn::Zero(d);
  for_vectors(0, n,
              [&](const auto& load, const auto&) HWY_ATTR { sum = hn::Add(sum, term(load)); });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

void norm(const Arguments& a, std::size_t begin, std::size_t end) {
  const F d;
  const bool layer = a.words[0] == 1;
  const std::size_t width = a.size(1), heads = a.size(7);
  const auto n = static_cast<float>(width);
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t r = item / heads, h = item % heads;
    const std::size_t x_at = r * a.size(8) + a.size(9) + h * width;
    const std::size_t w_at = a.flag(5) ? h * width : 0;
    const float* x = a.f32(0) + x_at;
    if (a.flag(2)) {
      const float* residual = a.f32(1) + x_at;
      float* sum = a.f32(4) + x_at;
      for_vectors(0, width, [&](const auto& load, const auto& store) HWY_ATTR {
        store(hn::Add(load(x), load(residual)), sum);
      });
      x = sum;
    }
    float mean = 0;
    if (layer) mean = sum_of(width, [&](const auto& load) HWY_ATTR { return load(x); }) / n;
    const VF shift = hn::Set(d, mean);
    const float square = sum_of(width, [&](const auto& load) HWY_ATTR {
      const VF v = hn::Sub(load(x, mean), shift);
      return hn::Mul(v, v);
    });
    const VF factor = hn::Set(d, 1.0f / std::sqrt(square / n + a.real(12)));
    float* y = a.f32(5) + r * a.size(10) + a.size(11) + h * width;
    const float* weight = a.flag(3) ? a.f32(2) + w_at : nullptr;
    const float* bias = a.flag(4) ? a.f32(3) + w_at : nullptr;
    for_vectors(0, width, [&](const auto& load, const auto& store) HWY_ATTR {
      VF v = hn::Mul(hn::Sub(load(x), shift), factor);
      if (weight != nullptr) v = hn::Mul(v, load(weight));
      if (bias != nullptr) v = hn::Add(v, load(bias));
      store(v, y);
    });
  }
}

// Calls body(row, first, last) for the pieces of rows in a range of elements.
template <class Body>
HWY_INLINE void for_rows(std::size_t width, std::size_t begin, std::size_t end, const Body& body) {
  while (begin < end) {
    const std::size_t r = begin / width, stop = std::min(end, (r + 1) * width);
    body(r, begin - r * width, stop - r * width);
    begin = stop;
  }
}

template <Activation kActivation>
void activate_as(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t width = a.size(3);
  for_rows(width, begin, end, [&](std::size_t r, std::size_t first, std::size_t last) HWY_ATTR {
    const float* x = a.f32(0) + r * a.size(4) + a.size(5);
    const float* gate = a.flag(1) ? x + width : nullptr;
    float* y = a.f32(1) + r * a.size(6) + a.size(7);
    for_vectors(first, last, [&](const auto& load, const auto& store) HWY_ATTR {
      VF v = activated<kActivation>(load(x));
      if (gate != nullptr) v = hn::Mul(v, load(gate));
      store(v, y);
    });
  });
}

void activate(const Arguments& a, std::size_t begin, std::size_t end) {
  static constexpr void (*kTable[])(const Arguments&, std::size_t, std::size_t) = {
      activate_as<Activation::kSilu>,     activate_as<Activation::kGelu>,
      activate_as<Activation::kGeluTanh>, activate_as<Activation::kRelu>,
      activate_as<Activation::kRelu2>,    activate_as<Activation::kSigmoid>,
      activate_as<Activation::kTanh>,     activate_as<Activation::kExp>,
      activate_as<Activation::kIdentity>, activate_as<Activation::kQuickGelu>,
      activate_as<Activation::kExpNegExp>};
  kTable[a.words[0]](a, begin, end);
}

template <Combine kCombine>
HWY_INLINE VF combined(VF a, VF b, VF c, VF alpha, VF beta) {
  switch (kCombine) {
    case Combine::kAdd:
      return hn::MulAdd(alpha, a, hn::Mul(beta, b));
    case Combine::kMul:
      return hn::Mul(hn::Mul(alpha, a), b);
    case Combine::kMulSigmoid:
      return hn::Mul(hn::Mul(alpha, a), sigmoid_of(b));
    case Combine::kSoftcap:
      return hn::Mul(alpha, hn::Tanh(F(), hn::Div(a, alpha)));
    case Combine::kLerp:
      return hn::MulAdd(hn::Sub(b, a), c, a);
    case Combine::kAddScaled:
      return hn::MulAdd(b, c, a);
  }
  return a;
}

template <Combine kCombine>
void combine_as(const Arguments& a, std::size_t begin, std::size_t end) {
  constexpr bool kHasB = kCombine != Combine::kSoftcap;
  constexpr bool kHasC = kCombine == Combine::kLerp || kCombine == Combine::kAddScaled;
  const F d;
  const VF alpha = hn::Set(d, a.real(12)), beta = hn::Set(d, a.real(13));
  for_rows(a.size(3), begin, end, [&](std::size_t r, std::size_t first, std::size_t last) HWY_ATTR {
    const float* x = a.f32(0) + r * a.size(4) + a.size(5);
    const float* b = kHasB ? a.f32(1) + r * a.size(6) + a.size(7) : nullptr;
    const float* c = kHasC ? a.f32(2) + r * a.size(8) + a.size(9) : nullptr;
    float* y = a.f32(3) + r * a.size(10) + a.size(11);
    const bool broadcast = kHasB && a.flag(1);
    const VF one_b = broadcast ? hn::Set(d, *b) : hn::Zero(d);
    for_vectors(first, last, [&](const auto& load, const auto& store) HWY_ATTR {
      VF vb = one_b, vc = one_b;
      if constexpr (kHasB)
        if (!broadcast) vb = load(b);
      if constexpr (kHasC) vc = load(c);
      store(combined<kCombine>(load(x), vb, vc, alpha, beta), y);
    });
  });
}

void combine(const Arguments& a, std::size_t begin, std::size_t end) {
  static constexpr void (*kTable[])(const Arguments&, std::size_t, std::size_t) = {
      combine_as<Combine::kAdd>,     combine_as<Combine::kMul>,  combine_as<Combine::kMulSigmoid>,
      combine_as<Combine::kSoftcap>, combine_as<Combine::kLerp>, combine_as<Combine::kAddScaled>};
  kTable[a.words[0]](a, begin, end);
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {

HWY_EXPORT(norm);
HWY_EXPORT(activate);
HWY_EXPORT(combine);

void run_norm(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(norm)(a, begin, end);
}
void run_activate(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(activate)(a, begin, end);
}
void run_combine(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(combine)(a, begin, end);
}

std::size_t norm_items(const Arguments& a) { return a.size(6) * a.size(7); }
std::size_t norm_cost(const Arguments& a) { return 5 + a.size(1) / 4; }
std::size_t elements(const Arguments& a) { return a.size(2) * a.size(3); }
std::size_t element_cost(const Arguments& /*a*/) { return 1; }

// Whole lines of the cache.
constexpr std::size_t kLine = 16;

}  // namespace

constexpr CpuKernel kFastNorm = {norm_items, run_norm, norm_cost};
constexpr CpuKernel kFastActivate = {elements, run_activate, element_cost, kLine};
constexpr CpuKernel kFastCombine = {elements, run_combine, element_cost, kLine};

}  // namespace mlc
#endif  // HWY_ONCE
