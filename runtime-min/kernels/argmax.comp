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
layout(push_constant) uniform Words { uint rows, x_stride; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Out { uint result[]; };

void main() {
  uint r = group_index();
  if (r >= p.rows) return;
  uint lane = gl_LocalInvocationID.x;
  uint best = 0u;
  uint where = 0xFFFFFFFFu;
  for (uint i = lane; i < WIDTH; i += LANES) {
    uint key = order_of(x[r * p.x_stride + i]);
    if (key > best) {
      best = key;
      where = i;
    }
  }
  uint largest = group_umax(best);
  where = group_umin(best == largest ? where : 0xFFFFFFFFu);
  if (lane == 0u) result[r] = where;
}
