// One group per row and head. The square is taken of v - mean, in a pass of its own: of values far
// from zero the difference of two large sums would be lost.
__kernel void norm(__global const float* x, __global const float* residual,
                   __global const float* weight, __global const float* bias, __global float* sum,
                   __global float* y, const uint layer, const uint width, const uint has_residual, const uint has_weight, const uint has_bias, const uint per_head, const uint rows, const uint heads, const uint x_stride,
                   const uint x_offset, const uint y_stride, const uint y_offset,
                   const float eps) {
  __local float scratch[LOCAL];
  const uint lane = get_local_id(0), head = get_group_id(0);
  const size_t row = get_group_id(1);
  const uint full = width / VEC, tail = full * VEC;
  const size_t at = row * x_stride + x_offset + head * width;
  __global const float* v = x + at;
  if (has_residual) {
  // Each element is read back by the work-item that wrote it.
  for (uint i = lane; i < full; i += LOCAL)
    store_vec(load_vec(i, x + at) + load_vec(i, residual + at), i, sum + at);
  for (uint i = tail + lane; i < width; i += LOCAL) sum[at + i] = x[at + i] + residual[at + i];
  v = sum + at;
  }

  float mean = 0.0f;
  if (layer) {
  vfloat total = 0.0f;
  float rest = 0.0f;
  for (uint i = lane; i < full; i += LOCAL) total += load_vec(i, v);
  for (uint i = tail + lane; i < width; i += LOCAL) rest += v[i];
  mean = group_sum(sum_vec(total) + rest, scratch) / (float)width;
  }

  vfloat squares = 0.0f;
  float square = 0.0f;
  for (uint i = lane; i < full; i += LOCAL) {
    const vfloat d = load_vec(i, v) - mean;
    squares = FMA(d, d, squares);
  }
  for (uint i = tail + lane; i < width; i += LOCAL) {
    const float d = v[i] - mean;
    square = FMA(d, d, square);
  }
  const float variance = group_sum(sum_vec(squares) + square, scratch) / (float)width;
  const float factor = 1.0f / sqrt(variance + eps);

  const uint param = per_head ? head * width : 0;
  __global float* out = y + row * y_stride + y_offset + head * width;
  for (uint i = lane; i < full; i += LOCAL) {
    vfloat d = (load_vec(i, v) - mean) * factor;
    if (has_weight) d *= load_vec(i, weight + param);
    if (has_bias) d += load_vec(i, bias + param);
    store_vec(d, i, out);
  }
  for (uint i = tail + lane; i < width; i += LOCAL) {
    float d = (v[i] - mean) * factor;
    if (has_weight) d *= weight[param + i];
    if (has_bias) d += bias[param + i];
    out[i] = d;
  }
}
