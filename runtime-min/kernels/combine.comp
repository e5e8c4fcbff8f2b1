#version 450
// One invocation per element; see kernels.h.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "math.glsl"

layout(constant_id = 0) const uint COMBINE = 0;
layout(constant_id = 1) const uint BROADCAST_B = 0;
layout(push_constant) uniform Words {
  uint rows, width, a_stride, a_offset, b_stride, b_offset, c_stride, c_offset, y_stride, y_offset;
  float alpha, beta;
} p;
layout(binding = 0) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer B { float b[]; };
layout(binding = 2) readonly buffer C { float c[]; };
layout(binding = 3) buffer Y { float y[]; };

void main() {
  uint item = item_index();
  uint r = item / p.width;
  if (r >= p.rows) return;
  uint i = item % p.width;
  float va = a[r * p.a_stride + p.a_offset + i];
  float vb = 0.0, vc = 0.0, v = 0.0;
  if (COMBINE != 3u) vb = b[r * p.b_stride + p.b_offset + (BROADCAST_B != 0u ? 0u : i)];
  if (COMBINE >= 4u) vc = c[r * p.c_stride + p.c_offset + i];
  switch (COMBINE) {
    case 0:
      v = p.alpha * va + p.beta * vb;
      break;
    case 1:
      v = p.alpha * va * vb;
      break;
    case 2:
      v = p.alpha * va * sigmoid(vb);
      break;
    case 3:
      v = p.alpha * exact_tanh(va / p.alpha);
      break;
    case 4:
      v = va + (vb - va) * vc;
      break;
    default:
      v = va + vb * vc;
  }
  y[r * p.y_stride + p.y_offset + i] = v;
}
