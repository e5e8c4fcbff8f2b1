#version 450
// For prompts on GPUs: a work-group computes 64 rows of weights times 64 columns of x. Both are
// brought into shared memory DEPTH elements at a time, weights as float32; an invocation has 8 rows
// and 4 columns in registers. LANES is 128.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "matmul.glsl"

layout(binding = 0) readonly buffer X { float x[]; };

// A multiple of what a word holds; a group, for groups.
const uint DEPTH = FORMAT == kQ3 ? 40u : 32u;
const uint DEPTH_WORDS = DEPTH / PER_WORD;

shared vec4 w_tile[DEPTH * 16u];  // [depth][64 rows]
shared vec4 x_tile[DEPTH * 16u];  // [depth][64 columns]

void load_weights(uint depth, uint first_row) {
  for (uint i = gl_LocalInvocationID.x; i < 64u * DEPTH_WORDS; i += 128u) {
    uint r = i % 64u;
    uint d = i / 64u;
    uint row = min(first_row + r, N - 1u);
    uint at = depth / PER_WORD + d;
    uint word = at < WORDS ? weight[row * WORDS + at] : 0u;
    float s = GROUPED ? scale_at(row * GROUPS + depth / GROUP) : 1.0;
    [[unroll]] for (uint j = 0u; j < PER_WORD; j++) {
      float v = 0.0;
      if (FORMAT == kQ4)
        v = s * (float((word >> (4u * j)) & 15u) - 7.0);
      else if (FORMAT == kQ3)
        v = s * (float((word >> (3u * j)) & 7u) - 3.0);
      else if (FORMAT == kF16)
        v = half_of(word, j);
      else if (FORMAT == kBF16)
        v = bf16_of(word, j);
      else
        v = uintBitsToFloat(word);
      // What pads the last group must not count, whatever it is.
      if (depth + d * PER_WORD + j >= K) v = 0.0;
      w_tile[(d * PER_WORD + j) * 16u + r / 4u][r % 4u] = v;
    }
  }
}

void load_x(uint depth, uint first_column) {
  for (uint i = gl_LocalInvocationID.x; i < 64u * DEPTH; i += 128u) {
    uint d = i % DEPTH;
    uint c = i / DEPTH;
    float v = 0.0;
    if (depth + d < K && first_column + c < p.rows) v = x[x_of(first_column + c) + depth + d];
    x_tile[d * 16u + c / 4u][c % 4u] = v;
  }
}

void main() {
  uint first_row = group_index() * 64u;
  uint first_column = gl_WorkGroupID.z * 64u;
  if (first_row >= N) return;
  uint lane = gl_LocalInvocationID.x;
  uint my_rows = lane % 8u;      // rows 4 of it and 32 + 4 of it, so that reads are neighbours
  uint my_columns = lane / 8u;
  vec4 sums[8];
  [[unroll]] for (uint i = 0u; i < 8u; i++) sums[i] = vec4(0.0);
  for (uint depth = 0u; depth < K; depth += DEPTH) {
    barrier();
    load_weights(depth, first_row);
    load_x(depth, first_column);
    barrier();
    for (uint d = 0u; d < DEPTH; d++) {
      vec4 w0 = w_tile[d * 16u + my_rows];
      vec4 w1 = w_tile[d * 16u + 8u + my_rows];
      vec4 columns = x_tile[d * 16u + my_columns];
      [[unroll]] for (uint i = 0u; i < 4u; i++) {
        sums[i] += w0[i] * columns;
        sums[4u + i] += w1[i] * columns;
      }
    }
  }
  [[unroll]] for (uint i = 0u; i < 8u; i++) {
    uint row = first_row + (i / 4u) * 32u + my_rows * 4u + i % 4u;
    [[unroll]] for (uint c = 0u; c < 4u; c++) {
      uint column = first_column + my_columns * 4u + c;
      if (row < N && column < p.rows) put(column, 0u, row, sums[i][c]);
    }
  }
}
