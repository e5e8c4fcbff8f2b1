#version 450
// One invocation per word; see kernels.h.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(push_constant) uniform Words {
  uint rows, width, x_stride, x_offset, y_stride, y_offset;
} p;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) buffer Y { uint y[]; };

void main() {
  uint item = item_index();
  uint r = item / p.width;
  if (r >= p.rows) return;
  uint i = item % p.width;
  y[r * p.y_stride + p.y_offset + i] = x[r * p.x_stride + p.x_offset + i];
}
