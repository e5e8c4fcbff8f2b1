// argmax, softmax: rows as long as a vocabulary.
#include <algorithm>
#include <limits>

#include "runtime-min/cpu/fast.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime-min/cpu/choice_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "runtime-min/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {

struct Top {
  float value;
  bool nan;  // there is one
};

Top top_of(const float* x, std::size_t n) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  VF top = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto nan = hn::IsNaN(top);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const VF v = hn::LoadU(d, x + i);
    top = hn::Max(top, v);
    nan = hn::Or(nan, hn::IsNaN(v));
  }
  Top result{max_of_lanes(top), !hn::AllFalse(d, nan)};
  for (; i < n; i++) {
    result.value = std::max(result.value, x[i]);
    result.nan |= x[i] != x[i];
  }
  return result;
}

void argmax(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t width = a.size(0);
  for (std::size_t r = begin; r < end; r++) {
    const float* x = a.f32(0) + r * a.size(2);
    const Top top = top_of(x, width);
    const float* found = top.nan ? std::find_if(x, x + width, [](float v) { return v != v; })
                                 : std::find(x, x + width, top.value);
    a.u32(1)[r] = static_cast<std::uint32_t>(found - x);
  }
}

void softmax(const Arguments& a, std::size_t begin, std::size_t end) {
  const F d;
  const std::size_t width = a.size(0);
  const VF scale = hn::Set(d, a.real(4));
  for (std::size_t r = begin; r < end; r++) {
    const float* x = a.f32(0) + r * a.size(2);
    float* y = a.f32(1) + r * a.size(3);
    for_vectors(0, width, [&](const auto& load, const auto& store) HWY_ATTR {
      store(hn::Mul(load(x), scale), y);
    });
    const VF shift = hn::Set(d, top_of(y, width).value);
    for_vectors(0, width, [&](const auto& load, const auto& store) HWY_ATTR {
      store(exp_of(hn::Sub(load(y), shift)), y);
    });
    VF sums = hn::Zero(d);
    for_vectors(0, width,
                [&](const auto& load, const auto&) HWY_ATTR { sums = hn::Add(sums, load(y)); });
    const VF sum = hn::SumOfLanes(d, sums);
    for_vectors(0, width, [&](const auto& load, const auto& store) HWY_ATTR {
      store(hn::Div(load(y), sum), y);
    });
  }
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {

HWY_EXPORT(argmax);
HWY_EXPORT(softmax);

void run_argmax(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(argmax)(a, begin, end);
}
void run_softmax(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(softmax)(a, begin, end);
}
std::size_t rows(const Arguments& a) { return a.size(1); }
std::size_t row_cost(const Arguments& a) { return a.size(0); }

}  // namespace

constexpr CpuKernel kFastArgmax = {rows, run_argmax, row_cost};
constexpr CpuKernel kFastSoftmax = {rows, run_softmax, row_cost};

}  // namespace mlc
#endif  // HWY_ONCE
