#version 450
// One work-group per row; the rounds of top_k, then the weights of what was found.
#extension GL_GOOGLE_include_directive : require
#ifdef SUBGROUP
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"

layout(constant_id = 0) const uint EXPERTS = 8;
layout(constant_id = 1) const uint TOP_K = 2;
layout(constant_id = 2) const uint MODE = 0;
layout(push_constant) uniform Words {
  uint rows, logits_stride;
  float scale;
} p;
layout(binding = 0) readonly buffer Logits { float logits[]; };
layout(binding = 1) buffer Indices { uint indices[]; };
layout(binding = 2) buffer Weights { float weights[]; };

void main() {
  uint r = group_index();
  if (r >= p.rows) return;
  uint lane = gl_LocalInvocationID.x;
  uint from = r * p.logits_stride;
  uint last_key = 0xFFFFFFFFu;
  uint last_where = 0xFFFFFFFFu;
  float first = 0.0;         // the largest logit
  float value[TOP_K];
  float chosen_total = 0.0;  // in the end, of the chosen ones' values
  for (uint round = 0u; round < TOP_K; round++) {
    uint best = 0u;
    uint where = 0xFFFFFFFFu;
    for (uint i = lane; i < EXPERTS; i += LANES) {
      uint key = order_of(logits[from + i]);
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
    float logit = logits[from + where];
    if (round == 0u) first = logit;
    value[round] = MODE >= 3u ? sigmoid(logit) : exact_exp(logit - first);
    chosen_total += value[round];
    if (lane == 0u) indices[r * TOP_K + round] = where;
  }
  float total = 1.0;
  if (MODE == 0u) {
    total = 0.0;
    for (uint i = lane; i < EXPERTS; i += LANES) total += exact_exp(logits[from + i] - first);
    total = group_add(total);
  } else if (MODE != 3u) {
    // The sum over all experts cancels where the chosen ones' shares are divided by their sum.
    total = chosen_total;
  }
  if (lane != 0u) return;
  for (uint round = 0u; round < TOP_K; round++)
    weights[r * TOP_K + round] = value[round] / total * p.scale;
}
