// One work-item per element of a row, which goes through the rows in order: so `last` is read before
// it is written.

__kernel void token_shift(__global const uint4* state, __global const float* x,
                          __global float* last, __global float* y, const uint width, const uint rows,
                          const uint x_stride, const uint y_stride) {
  const uint i = get_global_id(0);
  if (i >= width) return;
  for (size_t row = 0; row < rows; row++) {
    const uint slot = state[row].y;
    if (slot != INACTIVE) {
      __global float* of_slot = last + (size_t)slot * width + i;
      const float value = x[row * x_stride + i];
      y[row * y_stride + i] = *of_slot;
      *of_slot = value;
    }
  }
}
