// Kernels that read weight matrices: embed, matmul, moe_matmul.
#include "runtime-min/cpu/reference.h"
#include "runtime-min/cpu/weights.h"

namespace mlc {
namespace {

float dot(const float* x, const WeightMatrix& w, std::size_t row) {
  float sum = 0;
  for (std::size_t c = 0; c < w.k; c++)
    sum += x[c] * weight_value(w, row, c);
  return sum;
}

// An element of a group format costs about 4 ns here.
std::size_t dot_cost(const Arguments& a) { return 4 * a.size(2); }

std::size_t embed_items(const Arguments& a) { return a.size(4); }
std::size_t embed_cost(const Arguments& a) { return 4 * a.size(2); }

void embed(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t width = a.size(2), first = a.size(5), count = a.size(6), y_stride = a.size(9);
  const WeightMatrix table{a.data[1], a.data[2], WeightFormat{a.words[0]}, ScaleFormat{a.words[1]},
                           width};
  for (std::size_t r = begin; r < end; r++) {
    const RowState& state = a.rows(0)[r];
    const std::size_t index = a.flag(3) ? state.position : state.token;
    if (state.slot == kInactive || index < first || index - first >= count) continue;
    float* y = a.f32(3) + r * y_stride;
    for (std::size_t i = 0; i < width; i++) {
      const float value = a.real(8) * weight_value(table, index - first, i);
      y[i] = a.flag(7) ? y[i] + value : value;
    }
  }
}

// Items are elements of y, in the order of the weight's rows: neighbours share what they read.
std::size_t matmul_items(const Arguments& a) { return a.size(3) * a.size(6); }

void matmul(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t rows = a.size(6), x_stride = a.size(7), x_offset = a.size(8);
  const WeightMatrix w{a.data[1], a.data[2], WeightFormat{a.words[0]}, ScaleFormat{a.words[1]},
                       a.size(2)};
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t i = item / rows, r = item % rows;
    float value = dot(a.f32(0) + r * x_stride + x_offset, w, i);
    if (a.flag(4)) value += a.f32(3)[i];
    value *= a.real(11);
    const std::size_t at = r * a.size(9) + a.size(10) + i;
    if (a.flag(5)) value += a.f32(4)[at];
    a.f32(5)[at] = value;
  }
}

std::size_t moe_matmul_items(const Arguments& a) { return a.size(7) * a.size(5) * a.size(3); }

void moe_matmul(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t k = a.size(2), n = a.size(3), top_k = a.size(5), x_stride = a.size(8);
  const std::size_t first = a.size(9), count = a.size(10);
  const WeightMatrix w{a.data[1], a.data[2], WeightFormat{a.words[0]}, ScaleFormat{a.words[1]}, k};
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t slot = item / n, i = item % n;
    const std::size_t expert = a.u32(4)[slot];
    if (expert < first || expert - first >= count) continue;
    const std::size_t x_row = a.flag(6) ? slot : slot / top_k;
    const std::size_t w_row = (expert - first) * n + i;
    float value = dot(a.f32(0) + x_row * x_stride, w, w_row);
    if (a.flag(4)) value += a.f32(3)[w_row];
    a.f32(5)[slot * n + i] = value;
  }
}

}  // namespace

constexpr CpuKernel kReferenceEmbed = {embed_items, embed, embed_cost};
constexpr CpuKernel kReferenceMatmul = {matmul_items, matmul, dot_cost};
constexpr CpuKernel kReferenceMoeMatmul = {moe_matmul_items, moe_matmul, dot_cost};

}  // namespace mlc
