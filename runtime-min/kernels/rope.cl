// One work-item per pair, head and row.
__kernel void rope(__global const float* table, __global float* x, const uint interleaved, const uint head_dim, const uint rotary_dim, const uint rows,
                   const uint heads, const uint x_stride, const uint x_offset) {
  const uint pairs = rotary_dim / 2;
  const uint i = get_global_id(0) % pairs, head = get_global_id(0) / pairs;
  const size_t row = get_global_id(1);
  if (head >= heads) return;
  const float cosine = table[row * rotary_dim + i];
  const float sine = table[row * rotary_dim + pairs + i];
  __global float* of_head = x + row * x_stride + x_offset + head * head_dim;
  __global float* first = of_head + (interleaved ? 2 * i : i);
  __global float* second = of_head + (interleaved ? 2 * i + 1 : i + pairs);
  const float a = *first, b = *second;
  *first = a * cosine - b * sine;
  *second = b * cosine + a * sine;
}
