// Group formats on devices whose work-items are lanes of wide registers (CPUs): each work-item takes
// ROWS rows of the matrix and COLS columns, without barriers.
//
// A uint16 holds four groups of a row. Its j-th codes belong to x[CODES l + j] for word l, so x is
// transposed beforehand (kernel `pack`): 16 words of x for each j. Codes are not shifted down: code
// j as it lies in the word is 2^(BITS j) times larger, which a factor in the packed x takes back
// exactly (both are powers of two); only the last, whose sign bit would be set, is shifted. sum((code
// - ZERO) x) = sum(code x) - ZERO sum(x), and the second sum is the same for all rows.
#include "matmul.clh"
#define BLOCK (4 * GROUP)
#define BLOCKS ((GROUPS + 3) / 4)
#define PACKED ((CODES + 1) * 16)       // floats of a block: for each code, and -ZERO sum(x)

__kernel void pack(__global const float* x, __global float* packed, WORDS) {
  const uint lane = get_global_id(0) % 16, block = get_global_id(0) / 16;
  const size_t column = get_global_id(1);
  if (block >= BLOCKS) return;
  __global const float* from = x + X_AT(column);
  __global float* to = packed + (column * BLOCKS + block) * PACKED + lane;
  const uint at = block * BLOCK + lane * CODES;
  float sum = 0.0f;
  for (uint j = 0; j < CODES; j++) {
    const float value = at + j < k_size ? from[at + j] : 0.0f;
    sum += value;
    to[j * 16] = j + 1 < CODES ? value / (float)(1u << (BITS * j)) : value;
  }
  to[CODES * 16] = -(float)ZERO * sum;
}

#define LOAD_SCALES(i)                                                                          \
  (scale_format == F16                                                                          \
       ? vload_half4(0, (__global const half*)scales + (i))                                     \
       : scale_format == F32                                                                    \
             ? vload4(0, (__global const float*)scales + (i))                                   \
             : as_float4(convert_uint4(vload4(0, (__global const ushort*)scales + (i))) << 16u))

__kernel void NAME(BUFFERS, __global const float* packed, WORDS) {
  const uint first = get_global_id(0) * ROWS, first_column = get_global_id(1) * COLS;
  if (first >= n || NO_MATRIX(first_column)) return;
  const size_t matrix = (size_t)MATRIX(first_column) * n;
  // Rows and columns beyond the end are those of the end again, and not stored.
  size_t row[ROWS];
  EACH_ROW row[r] = (matrix + min(first + r, n - 1)) * GROUPS;
  __global const float* of_column[COLS];
  EACH_COL
    of_column[c] =
        packed + (size_t)X_ROW(min(first_column + c, COLUMNS - 1)) * (BLOCKS * PACKED);

  // The next work-item's rows lie behind these.
  const uint ahead = first + 2 * ROWS <= n ? ROWS * GROUPS : 0;
  float16 sums[ROWS][COLS];
  EACH_ROW
    EACH_COL sums[r][c] = 0.0f;
  for (uint block = 0; block < BLOCKS; block++) {
    const uint groups = min(GROUPS - 4 * block, 4u);
    uint16 w[ROWS];
    float4 s[ROWS];
    EACH_ROW {
      const size_t at = row[r] + 4 * block;
      if (groups == 4) {
        PREFETCH(weight + (at + ahead) * 4);
        w[r] = vload16(0, weight + at * 4);
        s[r] = LOAD_SCALES(at);
      } else {  // the last block of a row; what lies behind may not be there
        w[r] = (uint16)(vload4(at, weight), vload4(at + groups / 2, weight),
                        vload4(at + groups - 1, weight), (uint4)(0));
        s[r].x = LOAD_SCALE(at, scales);
        s[r].y = groups > 1 ? LOAD_SCALE(at + 1, scales) : 0.0f;
        s[r].z = groups > 2 ? LOAD_SCALE(at + 2, scales) : 0.0f;
        s[r].w = 0.0f;
      }
    }
    float16 t[ROWS][COLS];
    EACH_COL {
      const float16 begin = vload16(CODES, of_column[c]);
      EACH_ROW t[r][c] = begin;
    }
#pragma unroll
    for (uint j = 0; j < CODES; j++) {
      const uint mask = MASK << (BITS * j);
      float16 code[ROWS];
      EACH_ROW {
        const uint16 bits = j + 1 < CODES ? w[r] & mask : (w[r] >> (BITS * j)) & MASK;
        code[r] = convert_float16(as_int16(bits));
      }
      EACH_COL {
        const float16 v = vload16(j, of_column[c]);
        EACH_ROW t[r][c] = FMA(code[r], v, t[r][c]);
      }
    }
    EACH_ROW {
      const float16 scale = (float16)(s[r].xxxx, s[r].yyyy, s[r].zzzz, s[r].wwww);
      EACH_COL sums[r][c] = FMA(t[r][c], scale, sums[r][c]);
    }
    EACH_COL of_column[c] += PACKED;
  }
  EACH_COL
    EACH_ROW
      if (first_column + c < COLUMNS && first + r < n)
        STORE(first_column + c, first + r, sum16(sums[r][c]));
}
