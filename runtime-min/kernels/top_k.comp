#version 450
// One work-group per row. Each round finds the largest of those behind the last one found, so that
// nothing is marked or moved: COUNT is small, and the row stays in a cache.
#extension GL_GOOGLE_include_directive : require
#ifdef SUBGROUP
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"

layout(constant_id = 0) const uint WIDTH = 64;
layout(constant_id = 1) const uint COUNT = 1;
layout(push_constant) uniform Words { uint rows, x_stride; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Indices { uint indices[]; };
layout(binding = 2) buffer Values { float values[]; };

void main() {
  uint r = group_index();
  if (r >= p.rows) return;
  uint lane = gl_LocalInvocationID.x;
  uint from = r * p.x_stride;
  uint last_key = 0xFFFFFFFFu;
  uint last_where = 0xFFFFFFFFu;  // before the first round nothing is behind
  for (uint round = 0u; round < COUNT; round++) {
    uint best = 0u;
    uint where = 0xFFFFFFFFu;
    for (uint i = lane; i < WIDTH; i += LANES) {
      uint key = order_of(x[from + i]);
      bool behind = round == 0u || key < last_key || (key == last_key && i > last_where);
      if (behind && (key > best || where == 0xFFFFFFFFu)) {
        best = key;
        where = i;
      }
    }
    uint largest = group_umax(best);
    where = group_umin(best == largest ? where : 0xFFFFFFFFu);
    last_key = largest;
    last_where = where;
    if (lane == 0u) {
      indices[r * COUNT + round] = where;
      values[r * COUNT + round] = x[from + where];
    }
  }
}
