// One group per row. Each lane keeps the first of its own experts; the group takes the first of
// those, and only the lane that gave it looks again.
#include "order.clh"

__kernel void top_experts(__global const float* logits, __global uint* indices,
                          __global float* weights, const uint experts, const uint top_k,
                          const uint mode, const uint rows, const uint logits_stride,
                          const float scale) {
  __local uint2 scratch[LOCAL];
  __local float sums[LOCAL];
  const uint lane = get_local_id(0);
  const size_t row = get_group_id(1);
  __global const float* x = logits + row * logits_stride;
  __global float* chosen = weights + row * top_k;
  uint2 mine = first_of_lane(x, experts, (uint2)(0, INACTIVE));
  float largest = 0.0f, sum = 0.0f;
  for (uint k = 0; k < top_k; k++) {
    const uint2 best = group_first(mine, scratch);
    const float logit = x[min(best.y, experts - 1)];
    if (k == 0) largest = logit;
    if (lane == 0) {
      indices[row * top_k + k] = best.y;
      chosen[k] = mode >= 3 ? sigmoid(logit) : exp(logit - largest);
      sum += chosen[k];
    }
    if (mine.y == best.y) mine = first_of_lane(x, experts, best);
  }
  float all = 0.0f;
  if (mode == 0)
    for (uint i = lane; i < experts; i += LOCAL) all += exp(x[i] - largest);
  all = group_sum(all, sums);
  // In mode 1 the sum over all cancels.
  const float divisor = mode == 0 ? all : mode == 3 ? 1.0f : sum;
  if (lane == 0)
    for (uint k = 0; k < top_k; k++) chosen[k] = chosen[k] / divisor * scale;
}
