// One work-item per element of the keys and values of a row.
#define KV_F32 W0

#if KV_F32
#define STORE(value, i, p) ((__global float*)(p))[i] = (value)
#else
#define STORE(value, i, p) vstore_half_rte(value, i, (__global half*)(p))
#endif

__kernel void kv_store(__global const uint4* state, __global const float* x, __global void* k_cache,
                       __global void* v_cache, const uint kv_format, const uint head_dim, const uint kv_heads, const uint rows, const uint x_stride,
                       const uint k_offset, const uint v_offset, const uint capacity,
                       const uint sink) {
  const uint i = get_global_id(0) % head_dim, head = get_global_id(0) / head_dim;
  const size_t row = get_global_id(1);
  if (head >= kv_heads) return;
  const uint4 of_row = state[row];
  if (of_row.y == INACTIVE) return;
  const uint position = of_row.z;
  const uint place = position < sink ? position : sink + (position - sink) % (capacity - sink);
  const size_t to = (((size_t)of_row.y * kv_heads + head) * capacity + place) * head_dim + i;
  __global const float* from = x + row * x_stride + head * head_dim + i;
  STORE(from[k_offset], to, k_cache);
  STORE(from[v_offset], to, v_cache);
}
