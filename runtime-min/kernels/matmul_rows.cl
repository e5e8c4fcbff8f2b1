// Plain elements on devices whose work-items are lanes of wide registers (CPUs): each work-item takes
// ROWS rows of the matrix and COLS columns, 16 elements at a time, without barriers.
#include "matmul.clh"
#define FULL (k_size / 16)

#if FORMAT == F32
#define ADDRESS(at) ((__global const float*)weight + (at))
#define LOAD16(at) vload16(0, ADDRESS(at))
#elif FORMAT == F16
#define ADDRESS(at) ((__global const half*)weight + (at))
#define LOAD16(at) vload_half16(0, ADDRESS(at))
#else
#define ADDRESS(at) ((__global const ushort*)weight + (at))
#define LOAD16(at) as_float16(convert_uint16(vload16(0, ADDRESS(at))) << 16u)
#endif

__kernel void NAME(BUFFERS, WORDS) {
  const uint first = get_global_id(0) * ROWS, first_column = get_global_id(1) * COLS;
  if (first >= n || NO_MATRIX(first_column)) return;
  const size_t matrix = (size_t)MATRIX(first_column) * n;
  // Rows and columns beyond the end are those of the end again, and not stored.
  size_t row[ROWS];
  EACH_ROW row[r] = (matrix + min(first + r, n - 1)) * k_size;
  __global const float* of_column[COLS];
  EACH_COL
    of_column[c] = x + X_AT(X_ROW(min(first_column + c, COLUMNS - 1)));

  // The next work-item's rows lie behind these.
  const uint ahead = first + 2 * ROWS <= n ? ROWS * k_size : 0;
  float16 sums[ROWS][COLS];
  EACH_ROW
    EACH_COL sums[r][c] = 0.0f;
  for (uint i = 0; i < FULL; i++) {
    float16 w[ROWS];
    EACH_ROW {
      PREFETCH(ADDRESS(row[r] + i * 16 + ahead));
      w[r] = LOAD16(row[r] + i * 16);
    }
    EACH_COL {
      const float16 v = vload16(i, of_column[c]);
      EACH_ROW sums[r][c] = FMA(w[r], v, sums[r][c]);
    }
  }
  EACH_COL
    EACH_ROW {
      if (first_column + c >= COLUMNS || first + r >= n) continue;
      float sum = sum16(sums[r][c]);
      for (uint i = FULL * 16; i < k_size; i++)
        sum = FMA(LOAD_DENSE(row[r] + i, weight), of_column[c][i], sum);
      STORE(first_column + c, first + r, sum);
    }
}
