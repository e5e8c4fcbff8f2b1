// One group per row.
__kernel void softmax(__global const float* x, __global float* y, const uint width, const uint rows,
                      const uint x_stride, const uint y_stride, const float scale) {
  __local float scratch[LOCAL];
  const uint lane = get_local_id(0);
  const size_t row = get_group_id(1);
  const uint full = width / VEC, tail = full * VEC;
  __global const float* from = x + row * x_stride;
  __global float* to = y + row * y_stride;
  float largest = -INFINITY;
  for (uint i = lane; i < width; i += LOCAL) largest = fmax(largest, from[i] * scale);
  largest = group_max(largest, scratch);

  vfloat totals = 0.0f;
  float total = 0.0f;
  for (uint i = lane; i < full; i += LOCAL) {
    const vfloat e = exp(load_vec(i, from) * scale - largest);
    totals += e;
    store_vec(e, i, to);
  }
  for (uint i = tail + lane; i < width; i += LOCAL) {
    const float e = exp(from[i] * scale - largest);
    total += e;
    to[i] = e;
  }
  const float sum = group_sum(sum_vec(totals) + total, scratch);
  for (uint i = lane; i < full; i += LOCAL) store_vec(load_vec(i, to) / sum, i, to);
  for (uint i = tail + lane; i < width; i += LOCAL) to[i] /= sum;
}
