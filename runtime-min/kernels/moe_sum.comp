#version 450
// One invocation per element; see kernels.h.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 0) const uint TOP_K = 1;
layout(constant_id = 1) const uint HAS_RESIDUAL = 0;
layout(push_constant) uniform Words { uint rows, width, y_stride; } p;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Weights { float weights[]; };
layout(binding = 2) readonly buffer Residual { float residual[]; };
layout(binding = 3) buffer Y { float y[]; };

void main() {
  uint item = item_index();
  uint r = item / p.width;
  if (r >= p.rows) return;
  uint i = item % p.width;
  float v = HAS_RESIDUAL != 0u ? residual[r * p.y_stride + i] : 0.0;
  for (uint j = 0u; j < TOP_K; j++) {
    uint slot = r * TOP_K + j;
    v += weights[slot] * x[slot * p.width + i];
  }
  y[r * p.y_stride + i] = v;
}
