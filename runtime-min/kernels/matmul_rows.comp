#version 450
// For decoding on GPUs, 1 to 8 columns: the lanes of a team share ROWS rows of weights. A team is a
// subgroup (SUBGROUP), or a work-group that adds in shared memory. Neighbouring lanes read
// neighbouring units of a row (a word of codes, 16 bytes of floats), so that the reads of weights
// and of x are wide and x is read once for ROWS rows; AHEAD units of each row are asked for before
// any is used. Loops are unrolled, since arrays are registers only then. With MOE, one column.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifdef SUBGROUP
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif
#include "common.glsl"
#include "matmul.glsl"

layout(constant_id = 17) const uint ROWS = 2;
layout(constant_id = 18) const uint COLUMNS = 1;
layout(constant_id = 19) const uint AHEAD = 1;
layout(constant_id = 20) const uint X_ALIGNED = 0;  // columns begin at multiples of 16 bytes
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { vec4 x4[]; };

const bool WIDE = !GROUPED && ALIGNED;
const uint PER_UNIT = WIDE ? 4u * PER_WORD : PER_WORD;
const uint UNITS = (K + PER_UNIT - 1u) / PER_UNIT;  // a padded group's last words hold nothing

#ifndef SUBGROUP
shared float parts[LANES];
#endif

float xs[COLUMNS * 10u];
float sums[ROWS * COLUMNS];

// x of a unit; codes of Q4 stand at 16^(i % 4) times their value, so x is divided by that (exactly).
void load_x(uint unit, uint from[COLUMNS]) {
  uint k = unit * PER_UNIT;
  [[unroll]] for (uint c = 0u; c < COLUMNS; c++) {
    uint at = c * 10u;
    if (X_ALIGNED != 0u && PER_UNIT % 4u == 0u && K % PER_UNIT == 0u) {
      uint place = (from[c] + k) / 4u;
      [[unroll]] for (uint i = 0u; i < PER_UNIT / 4u; i++) {
        vec4 v = x4[place + i];
        xs[at + 4u * i] = v.x;
        xs[at + 4u * i + 1u] = v.y;
        xs[at + 4u * i + 2u] = v.z;
        xs[at + 4u * i + 3u] = v.w;
      }
    } else {
      [[unroll]] for (uint i = 0u; i < PER_UNIT; i++)
        xs[at + i] = k + i < K ? x[from[c] + k + i] : 0.0;
    }
    if (FORMAT == kQ4) {
      [[unroll]] for (uint i = 0u; i < 8u; i++) xs[at + i] *= 1.0 / float(1u << (4u * (i % 4u)));
    }
  }
}

void add_unit(uint r, uvec4 words, float s) {
  float w[10];
  if (FORMAT == kQ4) {
    // Bits below a mantissa's 2^23 are that integer: no conversion, and the zero goes with 2^23.
    [[unroll]] for (uint i = 0u; i < 8u; i++) {
      uint half_word = i < 4u ? words.x : words.x >> 16;
      uint shift = 4u * (i % 4u);
      w[i] = uintBitsToFloat(0x4B000000u | (half_word & (15u << shift))) -
             (8388608.0 + 7.0 * float(1u << shift));
    }
  } else if (FORMAT == kQ3) {
    [[unroll]] for (uint i = 0u; i < 10u; i++) w[i] = float((words.x >> (3u * i)) & 7u) - 3.0;
  } else {
    [[unroll]] for (uint i = 0u; i < PER_UNIT / PER_WORD; i++) {
      if (FORMAT == kF16) {
        vec2 v = unpackHalf2x16(words[i]);
        w[2u * i] = v.x;
        w[2u * i + 1u] = v.y;
      } else if (FORMAT == kBF16) {
        w[2u * i] = uintBitsToFloat(words[i] << 16);
        w[2u * i + 1u] = uintBitsToFloat(words[i] & 0xFFFF0000u);
      } else {
        w[i] = uintBitsToFloat(words[i]);
      }
    }
  }
  [[unroll]] for (uint c = 0u; c < COLUMNS; c++) {
    float d = 0.0;
    [[unroll]] for (uint i = 0u; i < PER_UNIT; i++) d += w[i] * xs[c * 10u + i];
    sums[r * COLUMNS + c] += s * d;
  }
}

uvec4 words_of_unit(uint row, uint unit) {
  if (WIDE) return weight4[row * (WORDS / 4u) + unit];
  return uvec4(weight[row * WORDS + unit], 0u, 0u, 0u);
}
float scale_of_unit(uint row, uint unit) {
  return GROUPED ? scale_at(row * GROUPS + unit / 4u) : 1.0;
}

void main() {
#ifdef SUBGROUP
  // Counted, not taken from gl_SubgroupSize: a subgroup may be incomplete.
  uint team_lanes = subgroupAdd(1u);
  uint lane = subgroupExclusiveAdd(1u);
  uint team = group_index() * gl_NumSubgroups + gl_SubgroupID;
  uint teams = gl_NumWorkGroups.x * gl_NumWorkGroups.y * gl_NumSubgroups;
#else
  uint team_lanes = LANES;
  uint lane = gl_LocalInvocationID.x;
  uint team = group_index();
  uint teams = gl_NumWorkGroups.x * gl_NumWorkGroups.y;
#endif
  uint first_column = gl_WorkGroupID.z * COLUMNS;
  uint matrix = 0u;
  if (!matrix_of(first_column, matrix)) return;
  uint from[COLUMNS];
  [[unroll]] for (uint c = 0u; c < COLUMNS; c++)
    from[c] = x_of(min(first_column + c, column_count() - 1u));

  for (uint first_row = team * ROWS; first_row < N; first_row += teams * ROWS) {
    [[unroll]] for (uint i = 0u; i < ROWS * COLUMNS; i++) sums[i] = 0.0;
    uint rows[ROWS];
    [[unroll]] for (uint r = 0u; r < ROWS; r++) rows[r] = matrix + min(first_row + r, N - 1u);
    uint unit = lane;
    if (AHEAD > 1u) {
      for (; unit + (AHEAD - 1u) * team_lanes < UNITS; unit += AHEAD * team_lanes) {
        uvec4 words[AHEAD * ROWS];
        float s[AHEAD * ROWS];
        [[unroll]] for (uint a = 0u; a < AHEAD; a++)
          [[unroll]] for (uint r = 0u; r < ROWS; r++) {
            words[a * ROWS + r] = words_of_unit(rows[r], unit + a * team_lanes);
            s[a * ROWS + r] = scale_of_unit(rows[r], unit + a * team_lanes);
          }
        [[unroll]] for (uint a = 0u; a < AHEAD; a++) {
          load_x(unit + a * team_lanes, from);
          [[unroll]] for (uint r = 0u; r < ROWS; r++) add_unit(r, words[a * ROWS + r], s[a * ROWS + r]);
        }
      }
    }
    for (; unit < UNITS; unit += team_lanes) {
      load_x(unit, from);
      [[unroll]] for (uint r = 0u; r < ROWS; r++)
        add_unit(r, words_of_unit(rows[r], unit), scale_of_unit(rows[r], unit));
    }
    [[unroll]] for (uint r = 0u; r < ROWS; r++)
      [[unroll]] for (uint c = 0u; c < COLUMNS; c++) {
        float v = sums[r * COLUMNS + c];
#ifdef SUBGROUP
        v = subgroupAdd(v);
#else
        barrier();
        parts[lane] = v;
        barrier();
        for (uint step = LANES / 2u; step > 0u; step /= 2u) {
          if (lane < step) parts[lane] += parts[lane + step];
          barrier();
        }
        v = parts[0];
#endif
        if (lane == 0u && first_row + r < N && first_column + c < column_count())
          put(first_column + c, matrix, first_row + r, v);
      }
  }
}
