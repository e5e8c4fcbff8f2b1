#version 450
// One invocation per element; see kernels.h.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 0) const uint FORMAT = 0;
layout(constant_id = 1) const uint SCALE_FORMAT = 0;
layout(constant_id = 2) const uint WIDTH = 64;
layout(constant_id = 3) const uint BY_POSITION = 0;
layout(push_constant) uniform Words {
  uint rows, begin, count, add;
  float multiplier;
  uint y_stride;
} p;
layout(binding = 0) readonly buffer State { uvec4 state[]; };
layout(binding = 1) readonly buffer Weight { uint weight[]; };
layout(binding = 2) readonly buffer Scale { uint scale[]; };
layout(binding = 3) buffer Y { float y[]; };
#include "weights.glsl"

void main() {
  uint item = item_index();
  uint r = item / WIDTH;
  if (r >= p.rows) return;
  uint i = item % WIDTH;
  uvec4 row = state[r];
  uint index = BY_POSITION != 0u ? row.z : row.x;
  if (row.y == kInactive || index < p.begin || index - p.begin >= p.count) return;
  float v = p.multiplier * weight_at(index - p.begin, i, WIDTH);
  uint place = r * p.y_stride + i;
  if (p.add != 0u) v += y[place];
  y[place] = v;
}
