#version 450
// One work-group per row; see kernels.h.
#extension GL_GOOGLE_include_directive : require
#ifdef SUBGROUP
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"

layout(constant_id = 0) const uint WIDTH = 64;
layout(push_constant) uniform Words {
  uint rows, x_stride, y_stride;
  float scale;
} p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Y { float y[]; };

void main() {
  uint r = group_index();
  if (r >= p.rows) return;
  uint lane = gl_LocalInvocationID.x;
  uint from = r * p.x_stride;
  float largest = uintBitsToFloat(0xFF800000u);
  for (uint i = lane; i < WIDTH; i += LANES) largest = max(largest, x[from + i] * p.scale);
  largest = group_max(largest);
  float total = 0.0;
  for (uint i = lane; i < WIDTH; i += LANES) total += exact_exp(x[from + i] * p.scale - largest);
  float factor = 1.0 / group_add(total);
  for (uint i = lane; i < WIDTH; i += LANES)
    y[r * p.y_stride + i] = exact_exp(x[from + i] * p.scale - largest) * factor;
}
