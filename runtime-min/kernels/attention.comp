#version 450
// One work-group per head of a row. Its subgroups share the positions, TILE at a time; the lanes of
// a subgroup share the elements of the head. Each subgroup keeps a running maximum, the sum of
// exp(score - maximum) and the sum of values, which are joined at the end.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "math.glsl"
#include "attention.glsl"

layout(constant_id = 17) const uint SUBGROUP_SIZE = 32;
layout(constant_id = 18) const uint TILE = 1;

const uint SUBGROUPS = LANES / SUBGROUP_SIZE;
const uint MINE = (PAIRS + SUBGROUP_SIZE - 1u) / SUBGROUP_SIZE;  // pairs of a lane

shared float tops[SUBGROUPS];
shared float totals[SUBGROUPS];
shared vec2 values[SUBGROUPS * PAIRS];

void main() {
  uint item = group_index();
  uint r = item / Q_HEADS;
  if (r >= p.rows) return;
  uint h = item % Q_HEADS;
  uvec4 row = state[r];
  uint lane = gl_SubgroupInvocationID;
  uint to = r * p.y_stride + p.y_offset + h * HEAD_DIM;
  if (row.y == kInactive) {
    for (uint i = gl_LocalInvocationID.x; i < HEAD_DIM; i += LANES) y[to + i] = 0.0;
    return;
  }
  uint head = (row.y * KV_HEADS + h / (Q_HEADS / KV_HEADS)) * p.capacity;
  uint from = r * p.q_stride + p.q_offset + h * HEAD_DIM;
  vec2 mine[MINE];
  vec2 sum[MINE];
  [[unroll]] for (uint j = 0u; j < MINE; j++) {
    uint i = j * SUBGROUP_SIZE + lane;
    mine[j] = i < PAIRS ? vec2(q[from + 2u * i], q[from + 2u * i + 1u]) * p.scale : vec2(0.0);
    sum[j] = vec2(0.0);
  }
  float top = kMinusInfinity;
  float total = 0.0;
  Seen s = seen_from(row.z);
  for (uint first = gl_SubgroupID * TILE; first < s.count; first += SUBGROUPS * TILE) {
    float score[TILE];
    uint place[TILE];
    float new_top = top;
    [[unroll]] for (uint t = 0u; t < TILE; t++) {
      // Behind the last one: the last one again, with weight 0.
      place[t] = (head + place_of(s, min(first + t, s.count - 1u))) * PAIRS;
      float dotted = 0.0;
      [[unroll]] for (uint j = 0u; j < MINE; j++) {
        uint i = j * SUBGROUP_SIZE + lane;
        if (i < PAIRS) dotted += dot(mine[j], k_pair(place[t] + i));
      }
      score[t] = dotted;
    }
    [[unroll]] for (uint t = 0u; t < TILE; t++) {
      score[t] = capped(subgroupAdd(score[t]));
      if (first + t >= s.count) score[t] = kMinusInfinity;
      new_top = max(new_top, score[t]);
    }
    float shrink = exact_exp(top - new_top);
    total *= shrink;
    [[unroll]] for (uint j = 0u; j < MINE; j++) sum[j] *= shrink;
    [[unroll]] for (uint t = 0u; t < TILE; t++) {
      float weight = exact_exp(score[t] - new_top);
      total += weight;
      [[unroll]] for (uint j = 0u; j < MINE; j++) {
        uint i = j * SUBGROUP_SIZE + lane;
        if (i < PAIRS) sum[j] += weight * v_pair(place[t] + i);
      }
    }
    top = new_top;
  }
  if (SUBGROUPS == 1u) {
    [[unroll]] for (uint j = 0u; j < MINE; j++) {
      uint i = j * SUBGROUP_SIZE + lane;
      if (i >= PAIRS) break;
      y[to + 2u * i] = sum[j].x / total;
      y[to + 2u * i + 1u] = sum[j].y / total;
    }
    return;
  }
  [[unroll]] for (uint j = 0u; j < MINE; j++) {
    uint i = j * SUBGROUP_SIZE + lane;
    if (i < PAIRS) values[gl_SubgroupID * PAIRS + i] = sum[j];
  }
  if (lane == 0u) {
    tops[gl_SubgroupID] = top;
    totals[gl_SubgroupID] = total;
  }
  barrier();
  // A subgroup without positions has top -inf and weighs exp(-inf) = 0.
  float largest = tops[0];
  for (uint g = 1u; g < SUBGROUPS; g++) largest = max(largest, tops[g]);
  total = 0.0;
  for (uint g = 0u; g < SUBGROUPS; g++) total += totals[g] * exact_exp(tops[g] - largest);
  for (uint i = gl_LocalInvocationID.x; i < PAIRS; i += LANES) {
    vec2 v = vec2(0.0);
    for (uint g = 0u; g < SUBGROUPS; g++)
      v += values[g * PAIRS + i] * exact_exp(tops[g] - largest);
    y[to + 2u * i] = v.x / total;
    y[to + 2u * i + 1u] = v.y / total;
  }
}
