#include "convert/source_rows.h"

#include <algorithm>
#include <cstring>

#include "convert/elementwise.h"
#include "quantize/cast.h"

namespace mlc {
namespace {

// Elements read at a time; one row may be more.
constexpr std::int64_t kPiece = std::int64_t{128} << 10;

std::int64_t rows_of_piece(std::int64_t cols) {
  std::int64_t rows = std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(1, cols));
  // Readers of one dimension want whole blocks.
  return cols == 1 ? rows / kElementAlignment * kElementAlignment : rows;
}
static_assert(kPiece % kElementAlignment == 0);

}  // namespace

bool SourceRows::is_turned(const PlanStep& step) {
  return std::any_of(step.transform.segments.begin(), step.transform.segments.end(),
                     [](const RowSegment& s) { return s.transposed; });
}

std::uint64_t SourceRows::source_bytes(const Checkpoint& checkpoint, const PlanStep& step) {
  std::uint64_t bytes = 0;
  for (std::size_t s : step.sources)
    bytes += checkpoint.tensors[s].nbytes;
  return bytes;
}

SegmentReader::Piece SourceRows::read_piece(const PlanStep& step, const RowSegment& segment,
                                            std::int64_t row, std::int64_t rows) {
  return reader_.read(step, segment, row, rows, false, times_);
}

const float* SourceRows::widen(const SegmentReader::Piece& piece) {
  std::size_t n = piece.rows * piece.cols;
  if (widened_.size() < n) widened_.resize(n);
  CastCounts ignored;
  cast_elements(piece.dtype, piece.data, DType::kF32, widened_.data(), n, ignored);
  return widened_.data();
}

void SourceRows::read_rows(const PlanStep& step, const RowSegment& segment, const Target& target) {
  std::int64_t begin = std::max(target.first_row, segment.dst_row);
  std::int64_t end = std::min(target.first_row + target.rows, segment.dst_row + segment.rows);
  const SourceTensor& tensor = checkpoint_.tensors[step.sources[segment.source]];
  std::int64_t source_cols = col_count(tensor.shape);
  std::int64_t cols = step.transform.cols;
  std::int64_t most = rows_of_piece(source_cols);
  for (std::int64_t row = begin; row < end;) {
    std::int64_t from = row - segment.dst_row;
    std::int64_t n = std::min(end - row, most);
    // A reader of one dimension begins at multiples of its blocks, and ends there or at its end.
    std::int64_t skipped = 0;
    std::int64_t more = 0;
    if (tensor.reader && tensor.shape.size() < 2) {
      skipped = (segment.src_row + from) % kElementAlignment;
      std::int64_t source_end = segment.src_row + from + n;
      std::int64_t blocks = (source_end + kElementAlignment - 1) / kElementAlignment;
      more = std::min(blocks * kElementAlignment, tensor.elements()) - source_end;
    }
    SegmentReader::Piece piece = read_piece(step, segment, from - skipped, skipped + n + more);
    float* out = target.out + (row - target.first_row) * cols + segment.dst_col;
    if (source_cols == cols) {
      auto count = static_cast<std::size_t>(n * cols);
      const std::byte* values =
          piece.data + static_cast<std::size_t>(skipped * cols) * size_of(piece.dtype);
      CastCounts ignored;
      cast_elements(piece.dtype, values, DType::kF32, out, count, ignored);
    } else {
      const float* values = widen(piece) + skipped * source_cols;
      for (std::int64_t r = 0; r < n; r++)
        std::memcpy(out + r * cols, values + r * source_cols,
                    static_cast<std::size_t>(source_cols) * sizeof(float));
    }
    row += n;
  }
}

// Source rows become columns: they are read in pieces, and of each the wanted rows are taken.
void SourceRows::read_turned(const PlanStep& step, const RowSegment& segment,
                             const Target& target) {
  const SourceTensor& tensor = checkpoint_.tensors[step.sources[segment.source]];
  std::int64_t given = col_count(tensor.shape);
  std::int64_t begin = std::max(target.first_row, segment.dst_row);
  std::int64_t end = std::min(target.first_row + target.rows, segment.dst_row + given);
  if (begin >= end) return;
  std::int64_t most = rows_of_piece(given);
  for (std::int64_t row = 0; row < segment.rows; row += most) {
    std::int64_t n = std::min(most, segment.rows - row);
    const float* values = widen(read_piece(step, segment, row, n));
    for (std::int64_t r = begin; r < end; r++)
      std::memcpy(target.out + (r - target.first_row) * step.transform.cols + segment.dst_col + row,
                  values + (r - segment.dst_row) * n, static_cast<std::size_t>(n) * sizeof(float));
  }
}

void SourceRows::read(const PlanStep& step, std::int64_t first_row, std::int64_t rows,
                      std::span<float> out) {
  if (out.empty()) return;
  Target target{first_row, rows, out.data()};
  for (const RowSegment& segment : step.transform.segments)
    segment.transposed ? read_turned(step, segment, target) : read_rows(step, segment, target);
  const Transform& t = step.transform;
  if (t.elementwise == Elementwise::kNone) return;
  std::size_t n = static_cast<std::size_t>(rows * t.cols);
  std::vector<std::byte> changed;
  apply_elementwise(t, DType::kF32, DType::kF32, out.data(), n, changed);
  std::memcpy(out.data(), changed.data(), n * sizeof(float));
}

}  // namespace mlc
