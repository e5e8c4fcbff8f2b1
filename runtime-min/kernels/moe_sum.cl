// One work-item per element.

__kernel void moe_sum(__global const float* x, __global const float* weights,
                      __global const float* residual, __global float* y, const uint top_k, const uint has_residual, const uint rows,
                      const uint width, const uint y_stride) {
  const uint i = get_global_id(0);
  const size_t row = get_global_id(1);
  if (i >= width) return;
  float total = has_residual ? residual[row * y_stride + i] : 0.0f;
  for (uint j = 0; j < top_k; j++)
    total = FMA(weights[row * top_k + j], x[(row * top_k + j) * width + i], total);
  y[row * y_stride + i] = total;
}
