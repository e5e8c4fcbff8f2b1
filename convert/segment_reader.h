// Rows of one segment of a param, as they come from its source: read, columns parted, turned, and
// changed element by element.
//
// What the executor quantizes and what verify compares with are read here and nowhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "convert/plan.h"

namespace mlc {

// Seconds that a reader took.
struct ReadTimes {
  double read = 0;
  double transform = 0;
};

// One per thread; its buffers are reused from piece to piece.
class SegmentReader {
 public:
  explicit SegmentReader(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  struct Piece {
    const std::byte* data = nullptr;  // until the next read()
    DType dtype = DType::kF32;
    std::size_t rows = 0;  // of the param: a turned piece has the source's columns as rows
    std::size_t cols = 0;
    bool lattice = false;  // lattice() holds a scale per 32 elements
  };
  // Rows [row, row + rows) of the source's part in the segment, before element-wise ops.
  // `want_lattice`: ask the source's reader for its scales.
  Piece read(const PlanStep& step, const RowSegment& segment, std::int64_t row, std::int64_t rows,
             bool want_lattice, ReadTimes& times);
  // What the param's element-wise op makes of the piece for a param of dtype `target`.
  Piece change(const PlanStep& step, const Piece& piece, DType target, ReadTimes& times);
  std::span<const float> lattice() const { return lattice_; }

 private:
  bool read_source(const SourceTensor& tensor, const RowSegment& segment, std::int64_t row,
                   std::int64_t rows, bool want_lattice);
  void read_steps(const SourceTensor& tensor, const RowSegment& segment, std::int64_t row,
                  std::int64_t rows);

  const Checkpoint& checkpoint_;
  std::vector<std::byte> source_;
  std::vector<float> lattice_;
  std::vector<std::byte> parted_;
  std::vector<std::byte> turned_;
  std::vector<std::byte> changed_;
};

// out[c][r] = in[r][c], of elements of `size` bytes.
void turn_elements(std::size_t size, const std::byte* in, std::size_t rows, std::size_t cols,
                   std::byte* out);

// The buffer with room for at least `size` bytes. Buffers only grow: a fresh allocation per unit
// would be faulted in page by page each time.
std::byte* at_least(std::vector<std::byte>& buffer, std::size_t size);

// Adds the time of its scope to a sum.
class Timed {
 public:
  explicit Timed(double& sum);
  ~Timed();
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double& sum_;
  double start_;
};

}  // namespace mlc
