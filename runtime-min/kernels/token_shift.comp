#version 450
// One invocation per column, which walks down the rows: `last` is read before it is written.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 0) const uint WIDTH = 64;
layout(push_constant) uniform Words { uint rows, x_stride, y_stride; } p;
layout(binding = 0) readonly buffer State { uvec4 state[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 2) buffer Last { float last[]; };
layout(binding = 3) buffer Y { float y[]; };

void main() {
  uint i = item_index();
  if (i >= WIDTH) return;
  uint slot = kInactive;
  float before = 0.0;
  for (uint r = 0u; r < p.rows; r++) {
    uint here = state[r].y;
    if (here != slot) {
      if (slot != kInactive) last[slot * WIDTH + i] = before;
      slot = here;
      if (slot != kInactive) before = last[slot * WIDTH + i];
    }
    if (slot == kInactive) continue;
    y[r * p.y_stride + i] = before;
    before = x[r * p.x_stride + i];
  }
  if (slot != kInactive) last[slot * WIDTH + i] = before;
}
