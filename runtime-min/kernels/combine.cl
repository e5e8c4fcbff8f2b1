// One work-item per element.
#define COMBINE W0

__kernel void combine(__global const float* a, __global const float* b, __global const float* c,
                      __global float* y, const uint combine_, const uint broadcast_b, const uint rows, const uint width, const uint a_stride,
                      const uint a_offset, const uint b_stride, const uint b_offset,
                      const uint c_stride, const uint c_offset, const uint y_stride,
                      const uint y_offset, const float alpha, const float beta) {
  const uint i = get_global_id(0);
  const size_t row = get_global_id(1);
  if (i >= width) return;
  const float u = a[row * a_stride + a_offset + i];
#if COMBINE != 3
  const float v = b[row * b_stride + b_offset + (broadcast_b ? 0 : i)];
#endif
#if COMBINE >= 4
  const float w = c[row * c_stride + c_offset + i];
#endif
#if COMBINE == 0
  const float result = alpha * u + beta * v;
#elif COMBINE == 1
  const float result = alpha * u * v;
#elif COMBINE == 2
  const float result = alpha * u * sigmoid(v);
#elif COMBINE == 3
  const float result = alpha == 0.0f ? u : alpha * tanh(u / alpha);
#elif COMBINE == 4
  const float result = u + (v - u) * w;
#else
  const float result = u + v * w;
#endif
  y[row * y_stride + y_offset + i] = result;
}
