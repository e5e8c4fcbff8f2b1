// wkv5 and wkv6: a vector of columns of the state at a time.
#include <algorithm>

#include "runtime-min/cpu/fast.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime-min/cpu/recurrence_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "runtime-min/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {

// Items are (head, j), j the index of the value.
void wkv(const Arguments& a, bool decay_per_row, std::size_t begin, std::size_t end) {
  const F d;
  const std::size_t dim = a.size(0), heads = a.size(1), stride = a.size(3);
  for (std::size_t r = 0; r < a.size(2); r++) {
    const std::size_t slot = a.rows(0)[r].slot;
    if (slot == kInactive) continue;
    for (std::size_t item = begin; item < end;) {
      const std::size_t h = item / dim, at = r * stride + h * dim;
      const std::size_t first = item - h * dim, last = std::min(dim, end - h * dim);
      const float *rec = a.f32(1) + at, *key = a.f32(2) + at, *bonus = a.f32(5) + h * dim;
      const float* decay = a.f32(4) + (decay_per_row ? at : h * dim);
      float* state = a.f32(6) + (slot * heads + h) * dim * dim;
      for_vectors(first, last, [&](const auto& load, const auto& store) HWY_ATTR {
        const VF v = load(a.f32(3) + at);
        VF y = hn::Zero(d);
        for (std::size_t i = 0; i < dim; i++) {
          float* row = state + i * dim;
          const VF s = load(row), kv = hn::Mul(hn::Set(d, key[i]), v);
          y = hn::MulAdd(hn::Set(d, rec[i]), hn::MulAdd(hn::Set(d, bonus[i]), kv, s), y);
          store(hn::MulAdd(hn::Set(d, decay[i]), s, kv), row);
        }
        store(y, a.f32(7) + at);
      });
      item = h * dim + last;
    }
  }
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {

HWY_EXPORT(wkv);

void run_wkv5(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(wkv)(a, false, begin, end);
}
void run_wkv6(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(wkv)(a, true, begin, end);
}
std::size_t columns(const Arguments& a) { return a.size(0) * a.size(1); }
std::size_t column_cost(const Arguments& a) { return 1 + a.size(0) * a.size(2) / 8; }

}  // namespace

constexpr CpuKernel kFastWkv5 = {columns, run_wkv5, column_cost, 16};
constexpr CpuKernel kFastWkv6 = {columns, run_wkv6, column_cost, 16};

}  // namespace mlc
#endif  // HWY_ONCE
