#version 450
// One invocation per word, or per four where VECTORS says that all begins at multiples of four.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 17) const uint VECTORS = 0;
layout(push_constant) uniform Words {
  uint rows, width, x_stride, x_offset, y_stride, y_offset;
} p;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) buffer Y { uint y[]; };
layout(binding = 1) buffer Y4 { uvec4 y4[]; };

void main() {
  uint item = item_index();
  uint width = VECTORS != 0u ? p.width / 4u : p.width;
  uint r = item / width;
  if (r >= p.rows) return;
  uint from = r * p.x_stride + p.x_offset;
  uint to = r * p.y_stride + p.y_offset;
  uint i = item % width;
  if (VECTORS != 0u)
    y4[to / 4u + i] = x4[from / 4u + i];
  else
    y[to + i] = x[from + i];
}
