#include "convert/unit_runner.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "quantize/ft_pack.h"
#include "quantize/lattice.h"
#include "quantize/lattice_search.h"

namespace mlc {
namespace {

// Elements whose errors are measured at a time.
constexpr std::size_t kMeasured = std::size_t{1} << 16;

// Codes and block scales of quantized checkpoints: their bits are not to be changed.
bool is_kept(DType dtype) {
  return dtype != DType::kF16 && dtype != DType::kBF16 && dtype != DType::kF32;
}

bool takes_directly(DType dtype) {
  return dtype == DType::kBF16 || dtype == DType::kF16 || dtype == DType::kF32;
}

}  // namespace

UnitRunner::Rows UnitRunner::gather(const PlanStep& step, const WorkUnit& unit) {
  const RowSegment& segment = step.transform.segments[unit.segment];
  DType target = step.quantized ? plan_.quantization->model_dtype : step.records[0].dtype;
  ReadTimes taken;
  SegmentReader::Piece piece =
      reader_.read(step, segment, unit.row, unit.rows,
                   options_.keep_lattices && may_keep_lattice(plan_, step, segment), taken);
  piece = reader_.change(step, piece, target, taken);
  times.read += taken.read;
  times.transform += taken.transform;
  return {.data = piece.data,
          .dtype = piece.dtype,
          .rows = piece.rows,
          .cols = piece.cols,
          .first = segment.dst_row + unit.row,
          .lattice = piece.lattice,
          .found = lattices_.has(unit.step, segment.source)};
}

// Pieces of several segments as one block of rows.
UnitRunner::Rows UnitRunner::gather_band(const PlanStep& step, const WorkUnit& unit,
                                         CastCounts& counts) {
  const Transform& t = step.transform;
  auto cols = static_cast<std::size_t>(t.cols);
  // Sources of several dtypes meet in the model's, which is where they go anyway.
  Rows band{.data = nullptr,
            .dtype = step.quantized ? plan_.quantization->model_dtype
                                    : checkpoint_.tensors[step.sources[0]].dtype,
            .rows = static_cast<std::size_t>(unit.rows),
            .cols = cols,
            .first = unit.row,
            .lattice = false};
  std::size_t size = size_of(band.dtype);
  std::byte* to = at_least(band_, band.rows * cols * size);
  for (std::size_t g = 0; g < t.segments.size(); g++) {
    const RowSegment& segment = t.segments[g];
    const std::vector<std::int64_t>& shape =
        checkpoint_.tensors[step.sources[segment.source]].shape;
    std::int64_t given = segment.transposed ? col_count(shape) : segment.rows;
    std::int64_t begin = std::max(unit.row, segment.dst_row);
    std::int64_t end = std::min(unit.row + unit.rows, segment.dst_row + given);
    if (begin >= end) continue;
    WorkUnit piece{unit.step, g, begin - segment.dst_row, end - begin};
    if (segment.transposed) piece = {unit.step, g, 0, segment.rows};  // the band is the whole param
    Rows rows = gather(step, piece);
    Timed timed(times.transform);
    std::byte* at = to + static_cast<std::size_t>(begin - unit.row) * cols * size;
    std::size_t n = rows.rows * rows.cols;
    if (rows.dtype != band.dtype) {
      cast_elements(rows.dtype, rows.data, band.dtype, at, n, counts);
    } else if (t.side_by_side) {
      at += static_cast<std::size_t>(segment.dst_col) * size;
      for (std::size_t r = 0; r < rows.rows; r++)
        std::memcpy(at + r * cols * size, rows.data + r * rows.cols * size, rows.cols * size);
    } else {
      std::memcpy(at, rows.data, n * size);
    }
  }
  band.data = to;
  return band;
}

void UnitRunner::to_model_dtype(Rows& rows, CastCounts& counts) {
  DType to = plan_.quantization->model_dtype;
  if (rows.dtype == to) return;
  std::size_t n = rows.rows * rows.cols;
  std::byte* cast = at_least(cast_, n * size_of(to));
  cast_elements(rows.dtype, rows.data, to, cast, n, counts);
  rows.data = cast;
  rows.dtype = to;
}

template <class Compute>
void UnitRunner::measure(const Rows& rows, DType as, Compute compute, Result& result) {
  if (!options_.measure_params || rows.rows * rows.cols == 0) return;
  Timed timed(times.quantize);
  std::size_t step = std::max<std::size_t>(1, kMeasured / rows.cols);
  for (std::size_t r = 0; r < rows.rows; r += step) {
    std::size_t part = std::min(step, rows.rows - r);
    std::size_t n = part * rows.cols;
    if (computed_.size() < n) computed_.resize(n);
    if (wanted_.size() < n) wanted_.resize(n);
    const std::byte* src = rows.data + r * rows.cols * size_of(rows.dtype);
    CastCounts ignored;
    if (as != rows.dtype && as != DType::kF32) {
      // The rounding to the model's dtype is no fault of the quantizer.
      std::byte* cast = at_least(narrowed_, n * size_of(as));
      cast_elements(rows.dtype, src, as, cast, n, ignored);
      cast_elements(as, cast, DType::kF32, wanted_.data(), n, ignored);
    } else {
      cast_elements(rows.dtype, src, DType::kF32, wanted_.data(), n, ignored);
    }
    compute(r, part, computed_.data());
    add_errors(computed_.data(), wanted_.data(), n, result.error);
  }
}

void UnitRunner::keep(const PlanStep& step, const Rows& rows, Result& result) {
  const PlanRecord& record = step.records[0];
  write(record, rows, step, rows.data, size_of(record.dtype), rows.cols, result);
}

void UnitRunner::cast(const PlanStep& step, const Rows& rows, Result& result) {
  const PlanRecord& record = step.records[0];
  std::size_t n = rows.rows * rows.cols;
  {
    Timed timed(times.quantize);
    std::byte* to = at_least(codes_, n * size_of(record.dtype));
    cast_elements(rows.dtype, rows.data, record.dtype, to, n, result.cast);
    if (record.dtype == DType::kF32) {
      // Safe: operator new aligns the buffer for any element.
      store_f32_as_bf16(reinterpret_cast<const float*>(to), at_least(stored_, n * 2), n);
    }
  }
  bool narrowed = record.dtype == DType::kF32;
  measure(
      rows, DType::kF32,
      [&](std::size_t r, std::size_t part, float* out) {
        DType stored = narrowed ? DType::kBF16 : record.dtype;
        const std::byte* from = narrowed ? stored_.data() : codes_.data();
        CastCounts ignored;
        cast_elements(stored, from + r * rows.cols * size_of(stored), DType::kF32, out,
                      part * rows.cols, ignored);
      },
      result);
  write(record, rows, step, narrowed ? stored_.data() : codes_.data(),
        narrowed ? 2 : size_of(record.dtype), rows.cols, result);
}

void UnitRunner::quantize(const PlanStep& step, Rows rows, Result& result) {
  const Quantization& q = *plan_.quantization;
  std::size_t words = words_per_row(q, rows.cols);
  std::size_t groups = groups_per_row(q, rows.cols);
  std::size_t scale_size = size_of(q.model_dtype);
  {
    Timed timed(times.quantize);
    if (!takes_directly(rows.dtype)) {
      std::size_t n = rows.rows * rows.cols;
      // The cast to T comes first in any case, so doing it here changes nothing.
      cast_elements(rows.dtype, rows.data, q.model_dtype, at_least(changed_, n * scale_size), n,
                    result.cast);
      rows.data = changed_.data();
      rows.dtype = q.model_dtype;
    }
    GroupQuantBlock block{
        .src = rows.data, .src_dtype = rows.dtype, .rows = rows.rows, .cols = rows.cols};
    block.q_weight = reinterpret_cast<std::uint32_t*>(at_least(codes_, rows.rows * words * 4));
    block.q_scale = at_least(packed_scales_, rows.rows * groups * scale_size);
    if (rows.lattice)
      group_quantize_lattice(q, *options_.rule, block, reader_.lattice(), options_.quantizer,
                             options_.want_error, result.quantized);
    else if (rows.found)
      group_quantize_found_lattice(q, *options_.rule, block, options_.quantizer,
                                   options_.want_error, result.quantized);
    else
      options_.quantizer(q, *options_.rule, block, options_.want_error, result.quantized);
    if (q.model_dtype == DType::kF32)
      store_f32_as_bf16(reinterpret_cast<const float*>(packed_scales_.data()),
                        at_least(stored_, rows.rows * groups * 2), rows.rows * groups);
  }
  bool narrowed = q.model_dtype == DType::kF32;
  measure(
      rows, q.model_dtype,
      [&](std::size_t r, std::size_t part, float* out) {
        const std::byte* scales = packed_scales_.data() + r * groups * scale_size;
        if (narrowed) {
          // What travels is the bfloat16 one.
          CastCounts ignored;
          std::byte* wide = at_least(narrowed_, part * groups * 4);
          cast_elements(DType::kBF16, stored_.data() + r * groups * 2, DType::kF32, wide,
                        part * groups, ignored);
          scales = wide;
        }
        const auto* all = reinterpret_cast<const std::uint32_t*>(codes_.data());
        group_dequantize(q, part, rows.cols, all + r * words, scales, out);
      },
      result);
  write(step.records[0], rows, step, codes_.data(), 4, words, result);
  write(step.records[1], rows, step, narrowed ? stored_.data() : packed_scales_.data(),
        narrowed ? 2 : scale_size, groups, result);
}

void UnitRunner::quantize_ft(const PlanStep& step, const Rows& rows, Result& result) {
  std::byte* codes = at_least(codes_, rows.rows * rows.cols / 2);
  std::byte* scales = at_least(packed_scales_, rows.rows * 2);
  {
    Timed timed(times.quantize);
    ft_quantize(*options_.rule, {.src = reinterpret_cast<const std::uint16_t*>(rows.data),
                                 .rows = rows.rows,
                                 .cols = rows.cols,
                                 .q_weight = reinterpret_cast<std::uint8_t*>(codes),
                                 .q_scale = reinterpret_cast<std::uint16_t*>(scales)});
  }
  measure(
      rows, DType::kF16,
      [&](std::size_t r, std::size_t part, float* out) {
        const auto* all = reinterpret_cast<const std::uint8_t*>(codes);
        const auto* scale = reinterpret_cast<const std::uint16_t*>(scales);
        for (std::size_t row = r; row < r + part; row++)
          for (std::size_t c = 0; c < rows.cols; c++)
            *out++ = ft_dequantize(ft_code(all, rows.cols, row, c), scale[row]);
      },
      result);
  write(step.records[0], rows, step, codes, 1, rows.cols / 2, result);
  write(step.records[1], rows, step, scales, 2, 1, result);
}

void UnitRunner::quantize_fp8(const PlanStep& step, const WorkUnit& unit, Rows rows,
                              Result& result) {
  const Quantization& q = *plan_.quantization;
  float scale = q.scaled ? scales_[unit.step] : 1.0f;
  std::byte* codes = at_least(codes_, rows.rows * rows.cols);
  {
    Timed timed(times.quantize);
    to_model_dtype(rows, result.cast);
    fp8_.quantize(reinterpret_cast<const std::uint16_t*>(rows.data), rows.rows * rows.cols, scale,
                  q.weight_dtype, reinterpret_cast<std::uint8_t*>(codes));
  }
  measure(
      rows, q.model_dtype,
      [&](std::size_t r, std::size_t part, float* out) {
        const auto* all = reinterpret_cast<const std::uint8_t*>(codes) + r * rows.cols;
        for (std::size_t i = 0; i < part * rows.cols; i++)
          out[i] = fp8_to_f32(all[i], q.weight_dtype) * scale;
      },
      result);
  write(step.records[0], rows, step, codes, 1, rows.cols, result);
  if (unit.segment != 0 || unit.row != 0) return;
  // What is one number for the whole param is written with its first rows. Nothing is calibrated
  // yet: 1 leaves the activations as they are.
  const float numbers[] = {scale, 1.0f};
  Rows one{
      .data = nullptr, .dtype = DType::kF32, .rows = 1, .cols = 1, .first = 0, .lattice = false};
  for (std::size_t r = 1; r < step.records.size(); r++) {
    store_f32_as_bf16(&numbers[r - 1], at_least(stored_, 2), 1);
    write(step.records[r], one, step, stored_.data(), 2, 1, result);
  }
}

void UnitRunner::write(const PlanRecord& record, const Rows& rows, const PlanStep& step,
                       const std::byte* data, std::size_t element, std::size_t per_row,
                       Result& result) {
  Timed timed(times.write);
  auto first = static_cast<std::uint64_t>(rows.first);
  std::size_t bytes = rows.rows * per_row * element;
  if (bytes == 0) return;
  bool complete;
  if (step.packed_kn) {
    // [rows, per_row] becomes per_row runs of `rows` elements, each inside a line of all rows.
    turn_elements(element, data, rows.rows, per_row, at_least(columns_, bytes));
    complete = sink_.write_runs(record.shard, record.offset + first * element,
                                static_cast<std::uint64_t>(step.transform.rows) * element,
                                std::span(columns_).first(bytes), rows.rows * element);
  } else {
    complete = sink_.write(record.shard, record.offset + first * per_row * element,
                           std::span(data, bytes));
  }
  if (complete) result.complete.push_back(record.shard);
}

UnitRunner::Result UnitRunner::run(const WorkUnit& unit) {
  const PlanStep& step = plan_.steps[unit.step];
  Result result;
  Rows rows = unit.segment == kBand ? gather_band(step, unit, result.cast) : gather(step, unit);
  switch (step.packer) {
    case Packer::kCast:
      is_kept(step.records[0].dtype) ? keep(step, rows, result) : cast(step, rows, result);
      break;
    case Packer::kGroup:
      quantize(step, rows, result);
      break;
    case Packer::kFt:
      quantize_ft(step, rows, result);
      break;
    case Packer::kFp8:
      quantize_fp8(step, unit, rows, result);
      break;
  }
  return result;
}

UnitRunner::HiddenLattice UnitRunner::hidden_lattice(const WorkUnit& unit) {
  Rows rows = gather(plan_.steps[unit.step], unit);
  Timed timed(times.quantize);
  std::size_t groups = rows.rows * rows.cols / kLatticeGroup;
  if (rows.lattice) return {.on = 0, .off = groups};
  std::size_t on = count_on_lattice(*plan_.quantization, rows.data, rows.dtype, groups);
  return {.on = on, .off = groups - on};
}

MaxAbs UnitRunner::scan(const WorkUnit& unit) {
  Rows rows = gather(plan_.steps[unit.step], unit);
  Timed timed(times.quantize);
  CastCounts counted_later;
  to_model_dtype(rows, counted_later);
  return max_abs(reinterpret_cast<const std::uint16_t*>(rows.data), rows.rows * rows.cols);
}

}  // namespace mlc
