// One work-item per element.
__kernel void copy(__global const uint* x, __global uint* y, const uint rows, const uint width,
                   const uint x_stride, const uint x_offset, const uint y_stride,
                   const uint y_offset) {
  const uint i = get_global_id(0);
  const size_t row = get_global_id(1);
  if (i >= width) return;
  y[row * y_stride + y_offset + i] = x[row * x_stride + x_offset + i];
}
