#version 450
// One invocation per pair of elements, so that no two write halves of one word.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "math.glsl"

layout(constant_id = 0) const uint KV_FORMAT = 0;
layout(constant_id = 1) const uint HEAD_DIM = 64;
layout(constant_id = 2) const uint KV_HEADS = 1;
layout(push_constant) uniform Words { uint rows, x_stride, k_offset, v_offset, capacity, sink; } p;
layout(binding = 0) readonly buffer State { uvec4 state[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 2) buffer K { uint k_cache[]; };
layout(binding = 3) buffer V { uint v_cache[]; };

const uint PAIRS = HEAD_DIM / 2u;

void main() {
  uint item = item_index();
  uint r = item / (PAIRS * KV_HEADS);
  if (r >= p.rows) return;
  uvec4 row = state[r];
  if (row.y == kInactive) return;
  uint h = item / PAIRS % KV_HEADS;
  uint i = item % PAIRS;
  uint place = row.z < p.sink ? row.z : p.sink + (row.z - p.sink) % (p.capacity - p.sink);
  uint to = ((row.y * KV_HEADS + h) * p.capacity + place) * PAIRS + i;
  uint from = r * p.x_stride + h * HEAD_DIM + 2u * i;
  float k0 = x[from + p.k_offset], k1 = x[from + p.k_offset + 1u];
  float v0 = x[from + p.v_offset], v1 = x[from + p.v_offset + 1u];
  if (KV_FORMAT == 0u) {
    k_cache[to] = to_half(k0) | to_half(k1) << 16;
    v_cache[to] = to_half(v0) | to_half(v1) << 16;
  } else {
    k_cache[2u * to] = floatBitsToUint(k0);
    k_cache[2u * to + 1u] = floatBitsToUint(k1);
    v_cache[2u * to] = floatBitsToUint(v0);
    v_cache[2u * to + 1u] = floatBitsToUint(v1);
  }
}
