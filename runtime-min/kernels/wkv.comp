#version 450
// wkv5, and with PER_ROW wkv6. One invocation per column j of a head's state; the work-group of the
// first row of a sequence walks through the rows that follow it.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

layout(constant_id = 0) const uint HEAD_DIM = 64;
layout(constant_id = 1) const uint HEADS = 1;
layout(push_constant) uniform Words { uint rows, stride; } p;
layout(binding = 0) readonly buffer State { uvec4 state[]; };
layout(binding = 1) readonly buffer R { float r_all[]; };
layout(binding = 2) readonly buffer K { float k_all[]; };
layout(binding = 3) readonly buffer V { float v_all[]; };
layout(binding = 4) readonly buffer W { float w_all[]; };
layout(binding = 5) readonly buffer U { float u_all[]; };
layout(binding = 6) buffer S { float s_all[]; };
layout(binding = 7) buffer Y { float y_all[]; };

// Elements of an iteration: see "Kernels" in docs/design.md on loops.
const uint STEP = HEAD_DIM % 8u == 0u ? 8u : 1u;

void main() {
  uint item = item_index();
  uint j = item % HEAD_DIM;
  uint h = item / HEAD_DIM % HEADS;
  uint row = item / (HEAD_DIM * HEADS);
  if (row >= p.rows) return;
  uint slot = state[row].y;
  if (slot == kInactive || (row > 0u && state[row - 1u].y == slot)) return;
  uint head = h * HEAD_DIM;
  uint column = (slot * HEADS + h) * HEAD_DIM * HEAD_DIM + j;
  float s[HEAD_DIM];
  for (uint i = 0u; i < HEAD_DIM; i++) s[i] = s_all[column + i * HEAD_DIM];
  for (; row < p.rows && state[row].y == slot; row++) {
    uint from = row * p.stride + head;
    float v = v_all[from + j];
    float sum = 0.0;
    for (uint first = 0u; first < HEAD_DIM; first += STEP) {
      [[unroll]] for (uint i = first; i < first + STEP; i++) {
        float kv = k_all[from + i] * v;
#ifdef PER_ROW
        float w = w_all[from + i];
#else
        float w = w_all[head + i];
#endif
        sum += r_all[from + i] * (u_all[head + i] * kv + s[i]);
        s[i] = w * s[i] + kv;
      }
    }
    y_all[from + j] = sum;
  }
  for (uint i = 0u; i < HEAD_DIM; i++) s_all[column + i * HEAD_DIM] = s[i];
}
