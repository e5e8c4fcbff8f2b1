// Functions on vectors of float32, for one SIMD level.
#if defined(MLC_VECTOR_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MLC_VECTOR_MATH_INL_H
#undef MLC_VECTOR_MATH_INL_H
#else
#define MLC_VECTOR_MATH_INL_H
#endif

#include <algorithm>
#include <cstring>

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "runtime-min/kernels/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::CappedTag<float, 16>;
using VF = hn::Vec<F>;

// Highway's own begins at the lowest finite number in its portable form, and so loses infinities.
HWY_INLINE float max_of_lanes(VF v) {
  alignas(64) float lanes[16];
  hn::Store(v, F(), lanes);
  return *std::max_element(lanes, lanes + hn::Lanes(F()));
}

// Highway's Exp is within one ulp, of numbers whose power of two is an int32. Below -104 the result
// is 0 in any case, above 89 infinity.
HWY_INLINE VF exp_of(VF x) {
  const F d;
  return hn::Exp(d, hn::Min(hn::Max(x, hn::Set(d, -150.0f)), hn::Set(d, 150.0f)));
}

HWY_INLINE VF sigmoid_of(VF x) {
  const F d;
  const VF one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, exp_of(hn::Neg(x))));
}

// Abramowitz and Stegun 7.1.26: |error| <= 1.5e-7.
HWY_INLINE VF erf_of(VF x) {
  const F d;
  const VF one = hn::Set(d, 1.0f), size = hn::Abs(x);
  const VF t = hn::Div(one, hn::MulAdd(hn::Set(d, 0.3275911f), size, one));
  VF p = hn::Set(d, 1.061405429f);
  p = hn::MulAdd(p, t, hn::Set(d, -1.453152027f));
  p = hn::MulAdd(p, t, hn::Set(d, 1.421413741f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.284496736f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.254829592f));
  const VF rest = hn::Mul(hn::Mul(p, t), exp_of(hn::Neg(hn::Mul(x, x))));
  return hn::CopySign(hn::Sub(one, rest), x);
}

template <Activation kActivation>
HWY_INLINE VF activated(VF x) {
  const F d;
  const VF half = hn::Set(d, 0.5f), one = hn::Set(d, 1.0f), zero = hn::Zero(d);
  switch (kActivation) {
    case Activation::kSilu:
      return hn::Mul(x, sigmoid_of(x));
    case Activation::kGelu:
      return hn::Mul(hn::Mul(half, x), hn::Add(one, erf_of(hn::Mul(x, hn::Set(d, 0.70710678f)))));
    case Activation::kGeluTanh: {
      const VF cube = hn::Mul(hn::Mul(x, x), x);
      const VF z = hn::Mul(hn::Set(d, 0.79788456f), hn::MulAdd(hn::Set(d, 0.044715f), cube, x));
      return hn::Mul(hn::Mul(half, x), hn::Add(one, hn::Tanh(d, z)));
    }
    case Activation::kRelu:
      return hn::Max(x, zero);
    case Activation::kRelu2:
      x = hn::Max(x, zero);
      return hn::Mul(x, x);
    case Activation::kSigmoid:
      return sigmoid_of(x);
    case Activation::kTanh:
      return hn::Tanh(d, x);
    case Activation::kExp:
      return exp_of(x);
    case Activation::kIdentity:
      return x;
    case Activation::kQuickGelu:
      return hn::Mul(x, sigmoid_of(hn::Mul(hn::Set(d, 1.702f), x)));
    case Activation::kExpNegExp:
      return exp_of(hn::Neg(exp_of(x)));
  }
  return x;
}

// Calls body(i, load, store) for the vectors of [begin, end): load(from) reads the elements of
// `from` + i on, store(v, to) writes them. The last, partial vector goes through a buffer of its
// own, so that an element's result does not depend on where a range begins or ends; its other
// elements are 0, or load's second argument.
template <class Body>
HWY_INLINE void for_vectors(std::size_t begin, std::size_t end, const Body& body) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = begin;
  for (; i + lanes <= end; i += lanes)
    body([=](const float* from, float = 0.0f) HWY_ATTR { return hn::LoadU(d, from + i); },
         [=](VF v, float* to) HWY_ATTR { hn::StoreU(v, d, to + i); });
  if (i < end) {
    const std::size_t bytes = (end - i) * sizeof(float);
    body(
        [=](const float* from, float fill = 0.0f) HWY_ATTR {
          alignas(64) float part[16];
          hn::Store(hn::Set(d, fill), d, part);
          std::memcpy(part, from + i, bytes);
          return hn::Load(d, part);
        },
        [=](VF v, float* to) HWY_ATTR {
          alignas(64) float part[16];
          hn::Store(v, d, part);
          std::memcpy(to + i, part, bytes);
        });
  }
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
