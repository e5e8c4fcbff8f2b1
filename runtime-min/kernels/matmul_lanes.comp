#version 450
// For devices that are CPUs, and for those without anything better: an invocation computes ROWS
// rows for COLUMNS columns, without barriers or subgroups. Blocks of 16 bytes of a row are decoded
// once for all columns, and x is read once for all rows. With X_UNIFORM, x is a uniform buffer,
// which such devices read once for all lanes. The loop over rows stays a loop: unrolled it takes a
// second to compile, and the elements of a block are work enough for one iteration.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "matmul.glsl"

layout(constant_id = 17) const uint ROWS = 8;
layout(constant_id = 18) const uint COLUMNS = 1;
layout(constant_id = 19) const uint X_ALIGNED = 0;  // columns begin at multiples of 16 bytes

#ifdef X_UNIFORM
layout(binding = 0) uniform X4 { vec4 x4[1024]; };
#else
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };
#endif

// Elements of a block: of 16 bytes, or of one word if rows aren't aligned.
const uint BLOCK = ALIGNED ? 4u * PER_WORD : PER_WORD;
const uint BLOCKS = (K + BLOCK - 1u) / BLOCK;
const bool VECTORS = X_ALIGNED != 0u && BLOCK % 4u == 0u;

float xs[COLUMNS * BLOCK];
float x_sum[COLUMNS];
float ws[BLOCK];

void load_x(uint block, uint from[COLUMNS]) {
  for (uint c = 0u; c < COLUMNS; c++) {
    float s = 0.0;
    [[unroll]] for (uint i = 0u; i < BLOCK; i += 4u) {
      uint k = block * BLOCK + i;
      vec4 v = vec4(0.0);
      // Behind the last element of a row of codes there may be anything.
      if (VECTORS && (K % BLOCK == 0u || k + 3u < K)) {
        v = x4[(from[c] + k) / 4u];
      } else {
#ifndef X_UNIFORM
        if (k < K) v.x = x[from[c] + k];
        if (i + 1u < BLOCK && k + 1u < K) v.y = x[from[c] + k + 1u];
        if (i + 2u < BLOCK && k + 2u < K) v.z = x[from[c] + k + 2u];
        if (i + 3u < BLOCK && k + 3u < K) v.w = x[from[c] + k + 3u];
#endif
      }
      xs[c * BLOCK + i] = v.x;
      if (i + 1u < BLOCK) xs[c * BLOCK + i + 1u] = v.y;
      if (i + 2u < BLOCK) xs[c * BLOCK + i + 2u] = v.z;
      if (i + 3u < BLOCK) xs[c * BLOCK + i + 3u] = v.w;
      s += (v.x + v.y) + (v.z + v.w);
    }
    x_sum[c] = s;
  }
}

// The elements of a word; of groups, the codes.
void decode(uint word, uint at) {
  if (FORMAT == kQ4) {
    [[unroll]] for (uint i = 0u; i < 8u; i++) ws[at + i] = float((word >> (4u * i)) & 15u);
  } else if (FORMAT == kQ3) {
    [[unroll]] for (uint i = 0u; i < 10u; i++) ws[at + i] = float((word >> (3u * i)) & 7u);
  } else if (FORMAT == kF16) {
    vec2 v = unpackHalf2x16(word);
    ws[at] = v.x;
    ws[at + 1u] = v.y;
  } else if (FORMAT == kBF16) {
    ws[at] = uintBitsToFloat(word << 16);
    ws[at + 1u] = uintBitsToFloat(word & 0xFFFF0000u);
  } else {
    ws[at] = uintBitsToFloat(word);
  }
}

void main() {
  uint first_row = item_index() * ROWS;
  uint first_column = gl_WorkGroupID.z * COLUMNS;
  if (first_row >= N) return;
  uint matrix = 0u;
  if (!matrix_of(first_column, matrix)) return;
  uint from[COLUMNS];
  for (uint c = 0u; c < COLUMNS; c++)
    from[c] = x_of(min(first_column + c, column_count() - 1u));
  float sums[ROWS * COLUMNS];
  for (uint i = 0u; i < ROWS * COLUMNS; i++) sums[i] = 0.0;

  for (uint block = 0u; block < BLOCKS; block++) {
    load_x(block, from);
    for (uint r = 0u; r < ROWS; r++) {
      // Behind the last row: the last row again, whose result is not stored.
      uint row = matrix + min(first_row + r, N - 1u);
      if (ALIGNED) {
        uvec4 words = weight4[row * (WORDS / 4u) + block];
        decode(words.x, 0u);
        decode(words.y, PER_WORD);
        decode(words.z, 2u * PER_WORD);
        decode(words.w, 3u * PER_WORD);
      } else {
        decode(weight[row * WORDS + block], 0u);
      }
      float s = GROUPED ? scale_at(row * GROUPS + block) : 1.0;
      for (uint c = 0u; c < COLUMNS; c++) {
        // sum (code - zero) x = sum code x - zero sum x.
        float d = FORMAT == kQ4 ? -7.0 * x_sum[c] : FORMAT == kQ3 ? -3.0 * x_sum[c] : 0.0;
        [[unroll]] for (uint i = 0u; i < BLOCK; i++) d += ws[i] * xs[c * BLOCK + i];
        sums[r * COLUMNS + c] += s * d;
      }
    }
  }
  for (uint r = 0u; r < ROWS && first_row + r < N; r++)
    for (uint c = 0u; c < COLUMNS && first_column + c < column_count(); c++)
      put(first_column + c, matrix, first_row + r, sums[r * COLUMNS + c]);
}
