#version 450
// One invocation per head of a row: needs nothing of the device.
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "math.glsl"
#include "attention.glsl"

void main() {
  uint item = item_index();
  uint r = item / Q_HEADS;
  if (r >= p.rows) return;
  uint h = item % Q_HEADS;
  uvec4 row = state[r];
  uint to = r * p.y_stride + p.y_offset + h * HEAD_DIM;
  if (row.y == kInactive) {
    for (uint i = 0u; i < HEAD_DIM; i++) y[to + i] = 0.0;
    return;
  }
  uint head = (row.y * KV_HEADS + h / (Q_HEADS / KV_HEADS)) * p.capacity;
  uint from = r * p.q_stride + p.q_offset + h * HEAD_DIM;
  vec2 mine[PAIRS];
  vec2 sum[PAIRS];
  for (uint i = 0u; i < PAIRS; i++) {
    mine[i] = vec2(q[from + 2u * i], q[from + 2u * i + 1u]) * p.scale;
    sum[i] = vec2(0.0);
  }
  float top = kMinusInfinity;
  float total = 0.0;
  Seen s = seen_from(row.z);
  for (uint n = 0u; n < s.count; n++) {
    uint place = (head + place_of(s, n)) * PAIRS;
    float score = 0.0;
    for (uint i = 0u; i < PAIRS; i++) score += dot(mine[i], k_pair(place + i));
    score = capped(score);
    float new_top = max(top, score);
    float shrink = exact_exp(top - new_top);
    float weight = exact_exp(score - new_top);
    total = total * shrink + weight;
    for (uint i = 0u; i < PAIRS; i++) sum[i] = sum[i] * shrink + weight * v_pair(place + i);
    top = new_top;
  }
  for (uint i = 0u; i < PAIRS; i++) {
    y[to + 2u * i] = sum[i].x / total;
    y[to + 2u * i + 1u] = sum[i].y / total;
  }
}
