// One group per row.
#include "order.clh"

__kernel void argmax(__global const float* x, __global uint* out, const uint width, const uint rows,
                     const uint x_stride) {
  __local uint2 scratch[LOCAL];
  const size_t row = get_group_id(1);
  const uint2 mine = first_of_lane(x + row * x_stride, width, (uint2)(0, INACTIVE));
  const uint2 best = group_first(mine, scratch);
  if (get_local_id(0) == 0) out[row] = best.y;
}
