// What RWKV carries from token to token: token_shift, wkv5, wkv6.
#include "runtime-min/cpu/reference.h"

namespace mlc {
namespace {

// Items are columns: the rows of a sequence depend on each other.
std::size_t token_shift_items(const Arguments& a) { return a.size(0); }
std::size_t token_shift_cost(const Arguments& a) { return 2 * a.size(1); }

void token_shift(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t width = a.size(0), rows = a.size(1), x_stride = a.size(2), y_stride = a.size(3);
  const RowState* state = a.rows(0);
  for (std::size_t r = 0; r < rows; r++) {
    if (state[r].slot == kInactive) continue;
    const bool first = r == 0 || state[r - 1].slot != state[r].slot;
    const bool last = r + 1 == rows || state[r + 1].slot != state[r].slot;
    const float* x = a.f32(1) + r * x_stride;
    float* kept = a.f32(2) + state[r].slot * width;
    for (std::size_t i = begin; i < end; i++) {
      a.f32(3)[r * y_stride + i] = first ? kept[i] : a.f32(1)[(r - 1) * x_stride + i];
      if (last) kept[i] = x[i];
    }
  }
}

// Items are (head, j), j the index of the value: a column of the state matrix.
std::size_t wkv_items(const Arguments& a) { return a.size(0) * a.size(1); }
std::size_t wkv_cost(const Arguments& a) { return 4 * a.size(0) * a.size(2); }

template <bool kDecayPerRow>
void wkv(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t d = a.size(0), heads = a.size(1), rows = a.size(2), stride = a.size(3);
  for (std::size_t r = 0; r < rows; r++) {
    const std::size_t slot = a.rows(0)[r].slot;
    if (slot == kInactive) continue;
    for (std::size_t item = begin; item < end; item++) {
      const std::size_t h = item / d, j = item % d, at = r * stride + h * d;
      const float* decay = a.f32(4) + (kDecayPerRow ? at : h * d);
      float* s = a.f32(6) + (slot * heads + h) * d * d + j;
      const float v = a.f32(3)[at + j];
      float y = 0;
      for (std::size_t i = 0; i < d; i++) {
        const float kv = a.f32(2)[at + i] * v;
        y += a.f32(1)[at + i] * (a.f32(5)[h * d + i] * kv + s[i * d]);
        s[i * d] = decay[i] * s[i * d] + kv;
      }
      a.f32(7)[at + j] = y;
    }
  }
}

}  // namespace

constexpr CpuKernel kReferenceTokenShift = {token_shift_items, token_shift, token_shift_cost};
constexpr CpuKernel kReferenceWkv5 = {wkv_items, wkv<false>, wkv_cost};
constexpr CpuKernel kReferenceWkv6 = {wkv_items, wkv<true>, wkv_cost};

}  // namespace mlc
