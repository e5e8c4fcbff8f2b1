// Weights::upload: from the shards to the device, once, in pieces of 16 MiB.
#include <algorithm>
#include <cstring>

#include "base/half.h"
#include "runtime-min/engine/weights.h"

namespace mlc {
namespace {

// The runtime's share of host memory is two of these.
constexpr std::uint64_t kPiece = std::uint64_t{16} << 20;

// Stored elements of a vector or a matrix, which are float32 or halves.
void widen(const Record& record, std::span<const std::byte> from, float* to) {
  if (record.dtype == DType::kF32 && record.format == RecordFormat::kRaw) {
    std::memcpy(to, from.data(), from.size());
    return;
  }
  bool is_f16 = record.dtype == DType::kF16;
  for (std::size_t i = 0; i < from.size() / 2; i++) {
    std::uint16_t half = 0;
    std::memcpy(&half, from.data() + 2 * i, 2);
    to[i] = is_f16 ? f16_to_f32(half) : bf16_to_f32(half);
  }
}

// Rows [row, row + rows) of the transpose of what lies from `first` on, which is [width, height]:
// for each of its rows one read.
void read_turned(const ParamStore& store, const Record& record, std::uint64_t first,
                 std::uint64_t size, std::uint64_t row, std::uint64_t rows,
                 std::span<std::byte> column, std::span<std::byte> out) {
  std::size_t rank = record.shape.size();
  std::uint64_t width = static_cast<std::uint64_t>(record.shape[rank - 2]);
  std::uint64_t height = static_cast<std::uint64_t>(record.shape[rank - 1]);
  for (std::uint64_t w = 0; w < width; w++) {
    std::span<std::byte> line = column.first(rows * size);
    store.read(record, first + (w * height + row) * size, line);
    for (std::uint64_t r = 0; r < rows; r++)
      std::memcpy(out.data() + (r * width + w) * size, line.data() + r * size, size);
  }
}

}  // namespace

void Weights::upload(Device& device, Reporter& reporter) {
  arena_.allocate(device, BufferUse::kDevice);
  for (Vector& vector : vectors_)
    vector.slice = arena_.slice(vector.place);
  for (Matrix& matrix : matrices_)
    for (MatrixPart& part : matrix.parts) {
      part.weight = arena_.slice(part.weight_place);
      if (matrix.quantized()) part.scale = arena_.slice(part.scale_place);
    }
  reporter.begin("upload", bytes());
  for (const Vector& vector : vectors_) {
    upload_vector(device, vector);
    reporter.advance(vector.size * sizeof(float));
  }
  for (const Matrix& matrix : matrices_)
    for (const MatrixPart& part : matrix.parts) {
      upload_rows(device, matrix, part, false, reporter);
      if (matrix.quantized()) upload_rows(device, matrix, part, true, reporter);
    }
  reporter.end();
  staging_ = {};
  turning_ = {};
}

void Weights::upload_vector(Device& device, const Vector& vector) const {
  std::vector<std::byte> stored(vector.record->nbytes);
  store_.read(*vector.record, 0, stored);
  std::vector<float> values(vector.size);
  widen(*vector.record, stored, values.data());
  if (vector.plus_one)
    for (float& value : values)
      value += 1;
  device.write(*vector.slice.buffer, vector.slice.offset,
               std::as_bytes(std::span<const float>(values)));
}

void Weights::upload_rows(Device& device, const Matrix& matrix, const MatrixPart& part, bool scales,
                          Reporter& reporter) {
  const Record& record = scales ? *matrix.scale : *matrix.weight;
  const Slice& slice = scales ? part.scale : part.weight;
  std::uint64_t row_bytes = scales ? matrix.scale_row_bytes : matrix.row_bytes;
  std::uint64_t source_bytes = matrix.widened ? row_bytes / 2 : row_bytes;
  std::uint64_t rows_of_one = matrix.experts == 0 ? 1 : matrix.n;
  std::uint64_t first = part.begin * rows_of_one;
  std::uint64_t rows = part.count * rows_of_one;
  std::uint64_t step = std::clamp<std::uint64_t>(kPiece / row_bytes, 1, rows);
  if (staging_.size() < step * row_bytes) staging_.resize(step * row_bytes);
  if ((matrix.turned || matrix.widened) && turning_.size() < step * row_bytes)
    turning_.resize(step * row_bytes);
  for (std::uint64_t r = 0; r < rows; r += step) {
    std::uint64_t count = std::min(step, rows - r);
    std::span<std::byte> bytes = std::span(staging_).first(count * row_bytes);
    if (matrix.turned) {
      std::uint64_t width = static_cast<std::uint64_t>(record.shape[record.shape.size() - 2]);
      read_turned(store_, record, matrix.first, row_bytes / width, first + r, count, turning_,
                  bytes);
    } else if (matrix.widened) {
      std::span<std::byte> halves = std::span(turning_).first(count * source_bytes);
      store_.read(record, (first + r) * source_bytes, halves);
      std::vector<float> wide(count * matrix.k);
      widen(record, halves, wide.data());
      std::memcpy(bytes.data(), wide.data(), bytes.size());
    } else {
      store_.read(record, (first + r) * row_bytes, bytes);
    }
    device.write(*slice.buffer, slice.offset + r * row_bytes, bytes);
    reporter.advance(bytes.size());
  }
}

}  // namespace mlc
