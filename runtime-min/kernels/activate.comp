#version 450
// One invocation per element; see kernels.h.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "math.glsl"

layout(constant_id = 0) const uint ACTIVATION = 0;
layout(constant_id = 1) const uint GATED = 0;
layout(push_constant) uniform Words {
  uint rows, width, x_stride, x_offset, y_stride, y_offset;
} p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Y { float y[]; };

void main() {
  uint item = item_index();
  uint r = item / p.width;
  if (r >= p.rows) return;
  uint i = item % p.width;
  uint from = r * p.x_stride + p.x_offset + i;
  float v = activate(ACTIVATION, x[from]);
  if (GATED != 0u) v *= x[from + p.width];
  y[r * p.y_stride + p.y_offset + i] = v;
}
