// One work-item per element: a code is unpacked by each of its neighbours, which costs less than a
// row of the table from memory.
#include "weights.clh"

__kernel void embed(__global const uint4* state, __global const uint* weight,
                    __global const uint* scale, __global float* y, const uint format,
 const uint scale_format, const uint width, const uint by_position, const uint rows,
                    const uint begin, const uint count, const uint add, const float multiplier,
                    const uint y_stride) {
  const uint i = get_global_id(0);
  const size_t row = get_global_id(1);
  if (i >= width) return;
  const uint4 of_row = state[row];
  if (of_row.y == INACTIVE) return;
  const uint index = (by_position ? of_row.z : of_row.x) - begin;  // below begin wraps to large
  if (index >= count) return;
#ifdef GROUPED
  const uint groups = (width + GROUP - 1) / GROUP;
  const uint word = weight[(size_t)index * groups * 4 + i / CODES];
  const float code = (float)((int)((word >> (BITS * (i % CODES))) & MASK) - ZERO);
  const float value = code * LOAD_SCALE((size_t)index * groups + i / GROUP, scale);
#else
  const float value = LOAD_DENSE((size_t)index * width + i, weight);
#endif
  __global float* out = y + row * y_stride + i;
  *out = (add ? *out : 0.0f) + multiplier * value;
}
