// A few columns on a GPU: a group takes ROWS rows of the matrix, its lanes take units of those rows in
// turn (neighbours read neighbouring 128 bits), and their sums meet in local memory. Each x that a
// lane loads serves all ROWS rows.
#include "matmul.clh"
#include "units.clh"

// Fused in a fixed order; the built-in dot() leaves its rounding to the device.
inline float dot8(float8 a, float8 b) { return sum4(FMA(a.hi, b.hi, a.lo * b.lo)); }

__kernel void NAME(BUFFERS, WORDS) {
  __local float parts[ROWS * COLS * LOCAL];
  const uint lane = get_local_id(0);
  const uint first = get_group_id(0) * ROWS, first_column = get_group_id(1) * COLS;
  // Without a matrix there is nothing to add or store; but the barriers are for all work-items.
  const bool idle = NO_MATRIX(first_column);
  const size_t matrix = idle ? 0 : (size_t)MATRIX(first_column) * n;
  // Rows and columns beyond the end are those of the end again, and not stored.
  size_t row[ROWS];
  EACH_ROW row[r] = matrix + min(first + r, n - 1);
  __global const float* of_column[COLS];
  EACH_COL of_column[c] = x + X_AT(X_ROW(min(first_column + c, COLUMNS - 1)));

  float sums[ROWS][COLS];
  EACH_ROW
    EACH_COL sums[r][c] = 0.0f;
  const uint size = idle ? 0 : k_size, units = size / UNIT;
  for (uint unit = lane; unit < units; unit += LOCAL) {
#ifdef GROUPED
    uint4 words[ROWS];
    EACH_ROW words[r] = vload4(row[r] * GROUPS + unit, weight);
    // sum((code - ZERO) x) = sum(code x) - ZERO sum(x), and the second sum serves all rows.
    float total[COLS], t[ROWS][COLS];
    EACH_COL {
      total[c] = 0.0f;
      EACH_ROW t[r][c] = 0.0f;
    }
#define MULTIPLY_WORD(word, number)                                                  \
  EACH_COL {                                                                         \
    const float8 v = vload8(0, of_column[c] + unit * UNIT + number * CODES);         \
    total[c] += sum8(v);                                                             \
    EACH_ROW t[r][c] += dot8(CODES8(words[r].word), v);                              \
    REST_OF_WORD(word, number)                                                       \
  }
#if CODES == 10
#define REST_OF_WORD(word, number)                                                   \
  const float2 v2 = vload2(0, of_column[c] + unit * UNIT + number * CODES + 8);      \
  total[c] += sum2(v2);                                                              \
  EACH_ROW t[r][c] += sum2(CODES2(words[r].word) * v2);
#else
#define REST_OF_WORD(word, number)
#endif
    MULTIPLY_WORD(x, 0)
    MULTIPLY_WORD(y, 1)
    MULTIPLY_WORD(z, 2)
    MULTIPLY_WORD(w, 3)
    EACH_ROW {
      const float scale = LOAD_SCALE(row[r] * GROUPS + unit, scales);
      EACH_COL sums[r][c] = FMA(scale, FMA(-(float)ZERO, total[c], t[r][c]), sums[r][c]);
    }
#else
    float8 words[ROWS];
    EACH_ROW words[r] = LOAD8(row[r] * k_size + unit * UNIT);
    EACH_COL {
      const float8 v = vload8(0, of_column[c] + unit * UNIT);
      EACH_ROW sums[r][c] += dot8(words[r], v);
    }
#endif
  }
  for (uint k = units * UNIT + lane; k < size; k += LOCAL)
    EACH_ROW {
      const float element = ELEMENT(row[r], k);
      EACH_COL sums[r][c] = FMA(element, of_column[c][k], sums[r][c]);
    }

  // All sums go down their trees together, one barrier a step.
  EACH_ROW
    EACH_COL parts[(r * COLS + c) * LOCAL + lane] = sums[r][c];
  barrier(CLK_LOCAL_MEM_FENCE);
  for (uint step = LOCAL / 2; step > 0; step >>= 1) {
    if (lane < step)
      for (uint m = 0; m < ROWS * COLS; m++)
        parts[m * LOCAL + lane] += parts[m * LOCAL + lane + step];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  for (uint m = lane; m < ROWS * COLS; m += LOCAL) {
    const uint i = first + m / COLS, column = first_column + m % COLS;
    if (!idle && i < n && column < COLUMNS) STORE(column, i, parts[m * LOCAL]);
  }
}
