// One group per row; each lane keeps the first of its elements, and only the lane whose element was
// taken looks at its elements again.
#include "order.clh"

__kernel void top_k(__global const float* x, __global uint* indices, __global float* values,
                    const uint width, const uint count, const uint rows, const uint x_stride) {
  __local uint2 scratch[LOCAL];
  const size_t row = get_group_id(1);
  __global const float* of_row = x + row * x_stride;
  uint2 mine = first_of_lane(of_row, width, (uint2)(0, INACTIVE));
  for (uint k = 0; k < count; k++) {
    const uint2 best = group_first(mine, scratch);
    if (get_local_id(0) == 0) {
      indices[row * count + k] = best.y;
      values[row * count + k] = of_row[min(best.y, width - 1)];
    }
    if (mine.y == best.y) mine = first_of_lane(of_row, width, best);
  }
}
