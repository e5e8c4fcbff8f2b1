// Many columns on a GPU: 64 work-items make 32 rows by 32 columns of y, four by four each, from
// tiles of x and of the widened matrix in local memory.
#include "matmul.clh"
#include "units.clh"
#define TILE 32
#define PITCH (TILE + 4)  // vectors of four stay aligned and columns fall on different banks
#ifdef GROUPED
#define DEPTH GROUP
#else
#define DEPTH 32
#endif
#define HALF (DEPTH / 2)  // what one work-item loads of each tile

__kernel void NAME(BUFFERS, WORDS) {
  __local float w_tile[DEPTH * PITCH], x_tile[DEPTH * PITCH];
  const uint lane = get_local_id(0);
  const uint first = get_group_id(0) * TILE, first_column = get_group_id(1) * TILE;
  const uint across = lane % 8 * 4, down = lane / 8 * 4;
  const uint line = lane / 2, from = lane % 2 * HALF;
  const size_t row = min(first + line, n - 1);
  __global const float* of_column = x + X_AT(min(first_column + line, COLUMNS - 1));

  float4 sums[4];
  for (uint c = 0; c < 4; c++) sums[c] = 0.0f;
  for (uint begin = 0; begin < k_size; begin += DEPTH) {
    for (uint i = 0; i < HALF; i++) {
      const uint k = begin + from + i;
      x_tile[(from + i) * PITCH + line] = k < k_size ? of_column[k] : 0.0f;
    }
#ifdef GROUPED
    const size_t group = row * GROUPS + begin / GROUP;
    const uint2 words = vload2(lane % 2, weight + group * 4);
    const float scale = LOAD_SCALE(group, scales);
    for (uint i = 0; i < HALF; i++) {
      const uint word = i < CODES ? words.x : words.y;
      const int code = (int)((word >> (BITS * (i % CODES))) & MASK) - ZERO;
      w_tile[(from + i) * PITCH + line] = scale * (float)code;
    }
#else
    for (uint i = 0; i < HALF; i++) {
      const uint k = begin + from + i;
      w_tile[(from + i) * PITCH + line] = k < k_size ? ELEMENT(row, k) : 0.0f;
    }
#endif
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint k = 0; k < DEPTH; k++) {
      const float4 a = vload4(0, w_tile + k * PITCH + across);
      const float4 b = vload4(0, x_tile + k * PITCH + down);
      sums[0] = FMA(a, (float4)(b.x), sums[0]);
      sums[1] = FMA(a, (float4)(b.y), sums[1]);
      sums[2] = FMA(a, (float4)(b.z), sums[2]);
      sums[3] = FMA(a, (float4)(b.w), sums[3]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  for (uint c = 0; c < 4; c++) {
    const uint column = first_column + down + c, i = first + across;
    if (column >= COLUMNS) break;
    if (i < n) STORE(column, i, sums[c].x);
    if (i + 1 < n) STORE(column, i + 1, sums[c].y);
    if (i + 2 < n) STORE(column, i + 2, sums[c].z);
    if (i + 3 < n) STORE(column, i + 3, sums[c].w);
  }
}
