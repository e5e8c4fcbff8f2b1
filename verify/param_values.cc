#include "verify/param_values.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "convert/packed_codes.h"
#include "convert/segment_reader.h"
#include "quantize/cast.h"
#include "quantize/fp8_pack.h"
#include "quantize/ft_pack.h"
#include "quantize/group_quant.h"

namespace mlc {
namespace {

constexpr std::int64_t kAwqPerWord = 8;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace

std::int64_t ParamReader::row_unit(const FolderParam& param) {
  if (param.form == ParamForm::kFt) return kFtColumns;
  return param.form == ParamForm::kAwq ? kAwqPerWord : 1;
}

const SourceTensor& ParamReader::tensor(const FolderParam& param, std::size_t record) const {
  return folder_.stored().tensors[param.records[record]];
}

std::span<const std::byte> ParamReader::read_elements(const SourceTensor& t, std::int64_t first,
                                                      std::int64_t count,
                                                      std::vector<std::byte>& buffer) {
  std::size_t bytes = size(count) * size_of(t.dtype);
  std::span<std::byte> out(at_least(buffer, bytes), bytes);
  StoredTensor(folder_.stored(), t).read(first, count, out);
  return out;
}

std::span<const std::byte> ParamReader::read_turned(const SourceTensor& t, std::int64_t height,
                                                    Range range, std::vector<std::byte>& buffer) {
  std::size_t element = size_of(t.dtype);
  std::size_t bytes = size(height * range.rows) * element;
  std::span<std::byte> lines(at_least(columns_, bytes), bytes);
  StoredTensor(folder_.stored(), t)
      .read_columns(t.shape.back(), 0, height, range.first, range.rows, lines);
  turn_elements(element, lines.data(), size(height), size(range.rows), at_least(buffer, bytes));
  return std::span(buffer).first(bytes);
}

std::span<const float> ParamReader::widen(const SourceTensor& t, std::span<const std::byte> bytes) {
  std::size_t n = bytes.size() / size_of(t.dtype);
  if (wide_.size() < n) wide_.resize(n);
  CastCounts ignored;
  cast_elements(t.dtype, bytes.data(), DType::kF32, wide_.data(), n, ignored);
  return std::span(wide_).first(n);
}

void ParamReader::read_plain(const FolderParam& param, Range range, std::span<float> out) {
  const SourceTensor& t = tensor(param, 0);
  stored_.codes = read_elements(t, range.first * param.cols, range.rows * param.cols, codes_);
  CastCounts ignored;
  cast_elements(t.dtype, stored_.codes.data(), DType::kF32, out.data(), out.size(), ignored);
}

void ParamReader::read_group(const FolderParam& param, Range range, std::span<float> out) {
  const Quantization& q = folder_.quantization();
  auto words = static_cast<std::int64_t>(words_per_row(q, size(param.cols)));
  auto groups = static_cast<std::int64_t>(groups_per_row(q, size(param.cols)));
  const SourceTensor& codes = tensor(param, 0);
  const SourceTensor& scales = tensor(param, 1);
  std::span<const std::byte> stored;
  if (param.turned) {
    stored_.codes = read_turned(codes, words, range, codes_);
    stored = read_turned(scales, groups, range, scales_);
  } else {
    stored_.codes = read_elements(codes, range.first * words, range.rows * words, codes_);
    stored = read_elements(scales, range.first * groups, range.rows * groups, scales_);
  }
  stored_.scales = widen(scales, stored);
  // float32 scales are stored as bfloat16.
  const void* as_model =
      scales.dtype == q.model_dtype ? static_cast<const void*>(stored.data()) : wide_.data();
  // Safe: operator new aligns the buffer for any element.
  group_dequantize(q, size(range.rows), size(param.cols),
                   reinterpret_cast<const std::uint32_t*>(stored_.codes.data()), as_model,
                   out.data());
}

void ParamReader::read_ft(const FolderParam& param, Range range, std::span<float> out) {
  std::int64_t first = range.first / kFtColumns * kFtColumns;
  std::int64_t end = (range.first + range.rows + kFtColumns - 1) / kFtColumns * kFtColumns;
  std::int64_t row_bytes = param.cols / 2;
  stored_.codes =
      read_elements(tensor(param, 0), first * row_bytes, (end - first) * row_bytes, codes_);
  const SourceTensor& scales = tensor(param, 1);
  std::span<const std::byte> narrow = read_elements(scales, range.first, range.rows, scales_);
  stored_.scales = widen(scales, narrow);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(stored_.codes.data());
  float* to = out.data();
  for (std::int64_t r = 0; r < range.rows; r++) {
    std::uint16_t scale;
    std::memcpy(&scale, narrow.data() + 2 * r, sizeof scale);
    for (std::int64_t c = 0; c < param.cols; c++)
      *to++ = ft_dequantize(
          ft_code(bytes, size(param.cols), size(range.first - first + r), size(c)), scale);
  }
}

void ParamReader::read_fp8(const FolderParam& param, Range range, std::span<float> out) {
  read_plain(param, range, out);
  if (!folder_.quantization().scaled) return;
  const SourceTensor& scale = tensor(param, 1);
  stored_.scales = widen(scale, read_elements(scale, 0, 1, scales_));
  for (float& value : out)
    value *= stored_.scales[0];
}

void ParamReader::read_awq(const FolderParam& param, Range range, std::span<float> out) {
  const Checkpoint& stored = folder_.stored();
  const SourceTensor& scales = tensor(param, 2);
  std::int64_t groups = scales.shape[0];
  StoredTensor codes(stored, tensor(param, 0));
  auto reader = make_code_reader({.layout = CodeLayout::kAwq,
                                  .bits = 4,
                                  .out = param.rows,
                                  .in = param.cols,
                                  .groups = groups,
                                  .group_size = param.cols / groups,
                                  .codes = codes,
                                  .scales = StoredTensor(stored, scales),
                                  .zeros = StoredTensor(stored, tensor(param, 1)),
                                  .column_group = {}});
  reader->read(range.first * param.cols, range.rows * param.cols, std::as_writable_bytes(out));
  std::int64_t words = range.rows / kAwqPerWord;
  std::size_t bytes = size(param.cols * words) * sizeof(std::uint32_t);
  codes.read_columns(param.rows / kAwqPerWord, 0, param.cols, range.first / kAwqPerWord, words,
                     {at_least(codes_, bytes), bytes});
  stored_.codes = std::span(codes_).first(bytes);
  std::size_t scale_bytes = size(groups * range.rows) * size_of(scales.dtype);
  std::span<std::byte> narrow(at_least(scales_, scale_bytes), scale_bytes);
  StoredTensor(stored, scales).read_columns(param.rows, 0, groups, range.first, range.rows, narrow);
  stored_.scales = widen(scales, narrow);
}

void ParamReader::read_blocks(const FolderParam& param, Range range, std::span<float> out) {
  read_plain(param, range, out);
  const SourceTensor& scales = tensor(param, 1);
  // Experts lie one after another, and each begins a row of blocks of its own.
  std::int64_t height = param.shape[param.shape.size() - 2];
  std::int64_t per_matrix = (height + param.block_rows - 1) / param.block_rows;
  std::int64_t across = (param.cols + param.block_cols - 1) / param.block_cols;
  auto line = [&](std::int64_t row) {
    return row / height * per_matrix + row % height / param.block_rows;
  };
  std::int64_t first = line(range.first);
  std::int64_t count = range.rows == 0 ? 0 : line(range.first + range.rows - 1) - first + 1;
  stored_.scales = widen(scales, read_elements(scales, first * across, count * across, scales_));
  float* value = out.data();
  for (std::int64_t r = range.first; r < range.first + range.rows; r++) {
    const float* scale = stored_.scales.data() + (line(r) - first) * across;
    for (std::int64_t c = 0; c < param.cols; c++)
      *value++ *= scale[c / param.block_cols];
  }
}

void ParamReader::read(const FolderParam& param, std::int64_t first_row, std::int64_t rows,
                       std::span<float> out) {
  stored_ = {};
  Range range{first_row, rows};
  out = out.first(size(rows * param.cols));
  switch (param.form) {
    case ParamForm::kPlain:
      return read_plain(param, range, out);
    case ParamForm::kGroup:
      return read_group(param, range, out);
    case ParamForm::kFt:
      return read_ft(param, range, out);
    case ParamForm::kFp8:
      return read_fp8(param, range, out);
    case ParamForm::kAwq:
      return read_awq(param, range, out);
    case ParamForm::kBlockScale:
      return read_blocks(param, range, out);
  }
}

}  // namespace mlc
