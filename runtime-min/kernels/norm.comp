#version 450
// One work-group per head of a row. A lane keeps its elements, so x is read once and y may be x.
#extension GL_GOOGLE_include_directive : require
#ifdef SUBGROUP
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif
#include "common.glsl"
#include "reduce.glsl"

layout(constant_id = 0) const uint KIND = 0;
layout(constant_id = 1) const uint WIDTH = 64;
layout(constant_id = 2) const uint HAS_RESIDUAL = 0;
layout(constant_id = 3) const uint HAS_WEIGHT = 0;
layout(constant_id = 4) const uint HAS_BIAS = 0;
layout(constant_id = 5) const uint PER_HEAD = 0;
layout(push_constant) uniform Words {
  uint rows, heads, x_stride, x_offset, y_stride, y_offset;
  float eps;
} p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Residual { float residual[]; };
layout(binding = 2) readonly buffer Weight { float weight[]; };
layout(binding = 3) readonly buffer Bias { float bias[]; };
layout(binding = 4) buffer Sum { float sum[]; };
layout(binding = 5) buffer Y { float y[]; };

const uint MINE = (WIDTH + LANES - 1u) / LANES;

void main() {
  uint item = group_index();
  uint r = item / p.heads;
  uint h = item % p.heads;
  if (r >= p.rows) return;
  uint lane = gl_LocalInvocationID.x;
  uint from = r * p.x_stride + p.x_offset + h * WIDTH;
  float v[MINE];
  float total = 0.0;
  for (uint j = 0u; j < MINE; j++) {
    uint i = j * LANES + lane;
    v[j] = 0.0;
    if (i < WIDTH) {
      v[j] = x[from + i];
      if (HAS_RESIDUAL != 0u) {
        v[j] += residual[from + i];
        sum[from + i] = v[j];
      }
    }
    total += KIND == 1u ? v[j] : v[j] * v[j];
  }
  total = group_add(total);
  float mean = 0.0;
  if (KIND == 1u) {
    mean = total / float(WIDTH);
    total = 0.0;
    for (uint j = 0u; j < MINE; j++) {
      if (j * LANES + lane >= WIDTH) break;
      v[j] -= mean;
      total += v[j] * v[j];
    }
    total = group_add(total);
  }
  float factor = 1.0 / sqrt(total / float(WIDTH) + p.eps);
  uint to = r * p.y_stride + p.y_offset + h * WIDTH;
  uint vector = PER_HEAD != 0u ? h * WIDTH : 0u;
  for (uint j = 0u; j < MINE; j++) {
    uint i = j * LANES + lane;
    if (i >= WIDTH) break;
    float n = v[j] * factor;
    if (HAS_WEIGHT != 0u) n *= weight[vector + i];
    if (HAS_BIAS != 0u) n += bias[vector + i];
    y[to + i] = n;
  }
}
