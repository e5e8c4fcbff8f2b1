// One group per row and query head, over tiles of TILE positions: scores, then their exponentials
// relative to the largest score so far (what was summed before is rescaled when that grows), then
// the values. So the context has no limit and the order of the sums is that of the positions.
#define KV_F32 W0
#define HEAD_DIM W1

#define TILE 64
#define FULL (HEAD_DIM / VEC)
#define TAIL (FULL * VEC)

#if KV_F32
#define LOAD(i, p) ((__global const float*)(p))[i]
#define LOAD_VECTOR(p, at) load_vec(0, (__global const float*)(p) + (at))
#else
#define LOAD(i, p) vload_half(i, (__global const half*)(p))
#define LOAD_VECTOR(p, at) load_halves(0, (__global const half*)(p) + (at))
#endif

__kernel void attention(__global const uint4* state, __global const float* q,
                        __global const void* k_cache, __global const void* v_cache,
                        __global float* y, const uint kv_format, const uint head_dim, const uint kv_heads, const uint q_heads, const uint rows, const uint q_stride,
                        const uint q_offset, const uint y_stride, const uint y_offset,
                        const uint capacity, const uint sink, const uint window, const float scale,
                        const float softcap) {
  __local float query[HEAD_DIM], out[HEAD_DIM], weights[TILE], scratch[LOCAL];
  __local uint places[TILE];  // in the cache
  const uint lane = get_local_id(0), head = get_group_id(0);
  const size_t row = get_group_id(1);
  const uint4 of_row = state[row];
  const uint slot = of_row.y, position = of_row.z;
  // Position number n of the count that are seen: the sinks, then those from `start` on.
  const uint sinks = min(sink, position + 1);
  const uint start =
      max(sinks, window != 0 && position + 1 > window ? position + 1 - window : 0u);
  const uint count = slot == INACTIVE ? 0 : sinks + (position + 1 - min(start, position + 1));
  const size_t cache =
      ((size_t)(slot == INACTIVE ? 0 : slot) * kv_heads + head / (q_heads / kv_heads)) * capacity;
  const uint ring = max(capacity - sink, 1u);

  for (uint d = lane; d < HEAD_DIM; d += LOCAL) {
    query[d] = q[row * q_stride + q_offset + head * HEAD_DIM + d];
    out[d] = 0.0f;
  }
  barrier(CLK_LOCAL_MEM_FENCE);

  float largest = -INFINITY, sum = 0.0f;
  for (uint begin = 0; begin < count; begin += TILE) {
    const uint tile = min(count - begin, (uint)TILE);
    float lane_largest = -INFINITY;
    for (uint n = lane; n < tile; n += LOCAL) {
      const uint t = begin + n < sinks ? begin + n : start + (begin + n - sinks);
      places[n] = t < sink ? t : sink + (t - sink) % ring;
      const size_t at = (cache + places[n]) * HEAD_DIM;
      vfloat dots = 0.0f;
      for (uint d = 0; d < FULL; d++)
        dots = FMA(load_vec(d, query), LOAD_VECTOR(k_cache, at + d * VEC), dots);
      float score = sum_vec(dots);
      for (uint d = TAIL; d < HEAD_DIM; d++) score = FMA(query[d], LOAD(at + d, k_cache), score);
      score *= scale;
      if (softcap != 0.0f) score = softcap * tanh(score / softcap);
      weights[n] = score;
      lane_largest = fmax(lane_largest, score);
    }
    const float next = fmax(largest, group_max(lane_largest, scratch));
    const float fade = exp(largest - next);  // 0 in the first tile
    float lane_sum = 0.0f;
    for (uint n = lane; n < tile; n += LOCAL) {
      const float e = exp(weights[n] - next);
      weights[n] = e;
      lane_sum += e;
    }
    sum = sum * fade + group_sum(lane_sum, scratch);
    largest = next;
    barrier(CLK_LOCAL_MEM_FENCE);
#if LOCAL == 1
    for (uint d = 0; d < FULL; d++) {
      vfloat part = load_vec(d, out) * fade;
      for (uint n = 0; n < tile; n++) {
        const size_t at = (cache + places[n]) * HEAD_DIM;
        part = FMA((vfloat)(weights[n]), LOAD_VECTOR(v_cache, at + d * VEC), part);
      }
      store_vec(part, d, out);
    }
    for (uint d = TAIL; d < HEAD_DIM; d++) {
#else
    for (uint d = lane; d < HEAD_DIM; d += LOCAL) {
#endif
      float part = out[d] * fade;
      for (uint n = 0; n < tile; n++) {
        const size_t at = (cache + places[n]) * HEAD_DIM;
        part = FMA(weights[n], LOAD(at + d, v_cache), part);
      }
      out[d] = part;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  for (uint d = lane; d < HEAD_DIM; d += LOCAL)
    y[row * y_stride + y_offset + head * HEAD_DIM + d] = count == 0 ? 0.0f : out[d] / sum;
}
