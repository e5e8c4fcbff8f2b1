#version 450
// One invocation per pair; see kernels.h.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

layout(constant_id = 0) const uint INTERLEAVED = 0;
layout(constant_id = 1) const uint HEAD_DIM = 64;
layout(constant_id = 2) const uint ROTARY_DIM = 64;
layout(push_constant) uniform Words { uint rows, heads, x_stride, x_offset; } p;
layout(binding = 0) readonly buffer Table { float table[]; };
layout(binding = 1) buffer X { float x[]; };

const uint PAIRS = ROTARY_DIM / 2u;

void main() {
  uint item = item_index();
  uint r = item / (PAIRS * p.heads);
  if (r >= p.rows) return;
  uint h = item / PAIRS % p.heads;
  uint i = item % PAIRS;
  uint head = r * p.x_stride + p.x_offset + h * HEAD_DIM;
  uint first = head + (INTERLEAVED != 0u ? 2u * i : i);
  uint second = first + (INTERLEAVED != 0u ? 1u : PAIRS);
  // The cosines of a row stand first, one per pair, then its sines.
  float c = table[r * ROTARY_DIM + i];
  float s = table[r * ROTARY_DIM + PAIRS + i];
  float a = x[first];
  float b = x[second];
  x[first] = a * c - b * s;
  x[second] = b * c + a * s;
}
