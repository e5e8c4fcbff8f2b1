// The rows of a param as the checkpoint has them, in float32: before any cast or quantization.
//
//   SourceRows rows(checkpoint);               // one object per thread
//   rows.read(step, first_row, count, out);    // count * step.transform.cols floats
//
// Rows are those of Transform: a tensor [d0, ..., dn] has d0 * ... * d(n-1) rows of dn elements,
// one of one dimension has d0 rows of one. Element-wise ops are computed in float32. float64 is
// rounded, everything narrower is exact.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "convert/segment_reader.h"

namespace mlc {

class SourceRows {
 public:
  explicit SourceRows(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint), reader_(checkpoint) {}

  // Any range of rows. Memory stays below a few MiB plus what a reader of quantized blocks needs;
  // rows that are columns of the source are gathered from all its rows, so few large calls are
  // better for those (is_turned). Error(kBadInput), Error(kIo).
  void read(const PlanStep& step, std::int64_t first_row, std::int64_t rows, std::span<float> out);

  // Bytes of the source that reading all rows of the param takes once.
  static std::uint64_t source_bytes(const Checkpoint& checkpoint, const PlanStep& step);
  // Whether a segment is turned.
  static bool is_turned(const PlanStep& step);

 private:
  struct Target {
    std::int64_t first_row;
    std::int64_t rows;
    float* out;
  };
  void read_rows(const PlanStep& step, const RowSegment& segment, const Target& target);
  void read_turned(const PlanStep& step, const RowSegment& segment, const Target& target);
  SegmentReader::Piece read_piece(const PlanStep& step, const RowSegment& segment, std::int64_t row,
                                  std::int64_t rows);
  const float* widen(const SegmentReader::Piece& piece);

  const Checkpoint& checkpoint_;
  SegmentReader reader_;
  ReadTimes times_;
  std::vector<float> widened_;
};

}  // namespace mlc
