#include "convert/segment_reader.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "convert/elementwise.h"
#include "quantize/lattice.h"

namespace mlc {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// In tiles that keep both sides in the first-level cache.
template <class T>
void turn(const std::byte* in, std::size_t rows, std::size_t cols, std::byte* out) {
  constexpr std::size_t kTile = 32;
  for (std::size_t r0 = 0; r0 < rows; r0 += kTile)
    for (std::size_t c0 = 0; c0 < cols; c0 += kTile)
      for (std::size_t c = c0; c < std::min(cols, c0 + kTile); c++)
        for (std::size_t r = r0; r < std::min(rows, r0 + kTile); r++)
          std::memcpy(out + (c * rows + r) * sizeof(T), in + (r * cols + c) * sizeof(T), sizeof(T));
}

// Of each row the elements with even indices, then the others.
void part_columns(std::size_t size, const std::byte* in, std::size_t rows, std::size_t cols,
                  std::byte* out) {
  for (std::size_t r = 0; r < rows; r++)
    for (std::size_t c = 0; c < cols; c++)
      std::memcpy(out + (r * cols + c % 2 * (cols / 2) + c / 2) * size, in + (r * cols + c) * size,
                  size);
}

}  // namespace

Timed::Timed(double& sum) : sum_(sum), start_(now()) {}
Timed::~Timed() { sum_ += now() - start_; }

std::byte* at_least(std::vector<std::byte>& buffer, std::size_t size) {
  if (buffer.size() < size) buffer.resize(size);
  return buffer.data();
}

void turn_elements(std::size_t size, const std::byte* in, std::size_t rows, std::size_t cols,
                   std::byte* out) {
  switch (size) {
    case 1:
      return turn<std::uint8_t>(in, rows, cols, out);
    case 2:
      return turn<std::uint16_t>(in, rows, cols, out);
    case 4:
      return turn<std::uint32_t>(in, rows, cols, out);
    default:
      return turn<std::uint64_t>(in, rows, cols, out);
  }
}

// Row by row: the rows between would have to be read and decoded for nothing.
void SegmentReader::read_steps(const SourceTensor& tensor, const RowSegment& segment,
                               std::int64_t row, std::int64_t rows) {
  std::int64_t cols = col_count(tensor.shape);
  std::size_t row_bytes = static_cast<std::size_t>(cols) * size_of(tensor.dtype);
  for (std::int64_t r = 0; r < rows; r++) {
    std::int64_t at = segment.src_row + (row + r) * segment.step;
    std::span<std::byte> out =
        std::span(source_).subspan(static_cast<std::size_t>(r) * row_bytes, row_bytes);
    if (tensor.reader)
      tensor.reader->read(at * cols, cols, out);
    else
      checkpoint_.files[tensor.file].file->read(
          tensor.offset + static_cast<std::uint64_t>(at) * row_bytes, out);
  }
}

// Whether lattice_ was filled.
bool SegmentReader::read_source(const SourceTensor& tensor, const RowSegment& segment,
                                std::int64_t row, std::int64_t rows, bool want_lattice) {
  std::int64_t cols = col_count(tensor.shape);
  std::int64_t count = rows * cols;
  std::int64_t first = (segment.src_row + row) * cols;
  std::size_t size = size_of(tensor.dtype);
  std::size_t bytes = static_cast<std::size_t>(count) * size;
  at_least(source_, bytes);
  std::span<std::byte> out = std::span(source_).first(bytes);
  if (segment.step != 1) {
    read_steps(tensor, segment, row, rows);
    return false;
  }
  if (tensor.reader && want_lattice) {
    lattice_.resize(static_cast<std::size_t>(count) / kLatticeGroup);
    return tensor.reader->read_lattice(first, count, out, lattice_);
  }
  if (tensor.reader)
    tensor.reader->read(first, count, out);
  else
    checkpoint_.files[tensor.file].file->read(
        tensor.offset + static_cast<std::uint64_t>(first) * size, out);
  return false;
}

SegmentReader::Piece SegmentReader::read(const PlanStep& step, const RowSegment& segment,
                                         std::int64_t row, std::int64_t rows, bool want_lattice,
                                         ReadTimes& times) {
  const SourceTensor& tensor = checkpoint_.tensors[step.sources[segment.source]];
  const Transform& transform = step.transform;
  std::size_t size = size_of(tensor.dtype);
  Piece out{.data = nullptr,
            .dtype = tensor.dtype,
            .rows = static_cast<std::size_t>(rows),
            .cols = static_cast<std::size_t>(col_count(tensor.shape)),
            .lattice = false};
  {
    Timed timed(times.read);
    out.lattice = read_source(tensor, segment, row, rows, want_lattice);
    out.data = source_.data();
  }
  Timed timed(times.transform);
  std::size_t bytes = out.rows * out.cols * size;
  if (transform.even_columns_first) {
    part_columns(size, out.data, out.rows, out.cols, at_least(parted_, bytes));
    out.data = parted_.data();
  }
  if (segment.transposed) {
    turn_elements(size, out.data, out.rows, out.cols, at_least(turned_, bytes));
    out.data = turned_.data();
    std::swap(out.rows, out.cols);
  }
  return out;
}

SegmentReader::Piece SegmentReader::change(const PlanStep& step, const Piece& piece, DType target,
                                           ReadTimes& times) {
  const Transform& transform = step.transform;
  if (transform.elementwise == Elementwise::kNone) return piece;
  Timed timed(times.transform);
  Piece out = piece;
  apply_elementwise(transform, piece.dtype, target, piece.data, piece.rows * piece.cols, changed_);
  out.dtype = elementwise_result(transform, piece.dtype, target);
  out.data = changed_.data();
  return out;
}

}  // namespace mlc
