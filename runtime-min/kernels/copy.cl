// VEC elements of a row for each work-item.
__kernel void copy(__global const uint* x, __global uint* y, const uint rows, const uint width,
                   const uint x_stride, const uint x_offset, const uint y_stride,
                   const uint y_offset) {
  const uint begin = get_global_id(0) * VEC;
  const size_t row = get_global_id(1);
  if (begin >= width) return;
  __global const uint* from = x + row * x_stride + x_offset;
  __global uint* to = y + row * y_stride + y_offset;
  if (begin + VEC <= width) {
    store_vec(load_vec(0, from + begin), 0, to + begin);
  } else {
    for (uint i = begin; i < width; i++) to[i] = from[i];
  }
}
