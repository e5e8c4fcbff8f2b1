// What the matmul kernels share: words and buffers of matmul, or with MOE of moe_matmul, and what a
// row of weights times a column of x gives. A "column" is a row of x, or with MOE a slot.
layout(constant_id = 0) const uint FORMAT = 0;
layout(constant_id = 1) const uint SCALE_FORMAT = 0;
layout(constant_id = 2) const uint K = 64;
layout(constant_id = 3) const uint N = 1;
layout(constant_id = 4) const uint HAS_BIAS = 0;
#ifdef MOE
layout(constant_id = 5) const uint TOP_K = 1;
layout(constant_id = 6) const uint X_PER_SLOT = 0;
layout(push_constant) uniform Words { uint rows, x_stride, expert_begin, expert_count; } p;
layout(binding = 4) readonly buffer Experts { uint experts[]; };
#else
layout(constant_id = 5) const uint HAS_RESIDUAL = 0;
layout(push_constant) uniform Words {
  uint rows, x_stride, x_offset, y_stride, y_offset;
  float factor;
} p;
layout(binding = 4) readonly buffer Residual { float residual[]; };
#endif
layout(binding = 1) readonly buffer Weight { uint weight[]; };
layout(binding = 1) readonly buffer Weight4 { uvec4 weight4[]; };
layout(binding = 2) readonly buffer Scale { uint scale[]; };
layout(binding = 3) readonly buffer Bias { float bias[]; };
layout(binding = 5) buffer Y { float y[]; };
#include "weights.glsl"

const uint WORDS = GROUPED ? ((K + GROUP - 1u) / GROUP) * 4u : K / PER_WORD;
const uint GROUPS = (K + GROUP - 1u) / GROUP;
// Whether rows begin at multiples of 16 bytes.
const bool ALIGNED = WORDS % 4u == 0u;

#ifdef MOE
uint column_count() { return p.rows * TOP_K; }
uint x_of(uint column) { return (X_PER_SLOT != 0u ? column : column / TOP_K) * p.x_stride; }
// The first row of the expert's matrix; false: not in this slice.
bool matrix_of(uint column, out uint first) {
  uint expert = experts[column];
  first = (expert - p.expert_begin) * N;
  return expert >= p.expert_begin && expert - p.expert_begin < p.expert_count;
}
void put(uint column, uint first, uint i, float v) {
  if (HAS_BIAS != 0u) v += bias[first + i];
  y[column * N + i] = v;
}
#else
uint column_count() { return p.rows; }
uint x_of(uint column) { return column * p.x_stride + p.x_offset; }
bool matrix_of(uint column, out uint first) {
  first = 0u;
  return true;
}
void put(uint column, uint first, uint i, float v) {
  if (HAS_BIAS != 0u) v += bias[i];
  v *= p.factor;
  uint to = column * p.y_stride + p.y_offset + i;
  if (HAS_RESIDUAL != 0u) v += residual[to];
  y[to] = v;
}
#endif
