// One work-item per element.
#define ACTIVATION W0

inline float activation(float x) {
#if ACTIVATION == 0
  return x * sigmoid(x);
#elif ACTIVATION == 1
  return 0.5f * x * (1.0f + erf(x * 0.70710678118654752f));
#elif ACTIVATION == 2
  return 0.5f * x * (1.0f + tanh(0.79788456080286536f * (x + 0.044715f * x * x * x)));
#elif ACTIVATION == 3
  return fmax(x, 0.0f);
#elif ACTIVATION == 4
  const float positive = fmax(x, 0.0f);
  return positive * positive;
#elif ACTIVATION == 5
  return sigmoid(x);
#elif ACTIVATION == 6
  return tanh(x);
#elif ACTIVATION == 7
  return exp(x);
#elif ACTIVATION == 8
  return x;
#elif ACTIVATION == 9
  return x * sigmoid(1.702f * x);
#else
  return exp(-exp(x));
#endif
}

__kernel void activate(__global const float* x, __global float* y, const uint activation_, const uint gated, const uint rows,
                       const uint width, const uint x_stride, const uint x_offset,
                       const uint y_stride, const uint y_offset) {
  const uint i = get_global_id(0);
  const size_t row = get_global_id(1);
  if (i >= width) return;
  __global const float* source = x + row * x_stride + x_offset;
  float result = activation(source[i]);
  if (gated) result *= source[width + i];
  y[row * y_stride + y_offset + i] = result;
}
