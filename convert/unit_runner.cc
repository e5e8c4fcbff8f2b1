#include "convert/unit_runner.h"

#include <chrono>
#include <cstring>

#include "base/error.h"
#include "convert/elementwise.h"
#include "quantize/lattice.h"

namespace mlc {
namespace {

using Clock = std::chrono::steady_clock;

// Adds the time of its scope to one stage.
class Timed {
 public:
  explicit Timed(double& sum) : sum_(sum), start_(Clock::now()) {}
  ~Timed() { sum_ += std::chrono::duration<double>(Clock::now() - start_).count(); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double& sum_;
  Clock::time_point start_;
};

// out[c][r] = in[r][c], in tiles that keep both sides in the first-level cache.
template <class T>
void turn(const std::byte* in, std::size_t rows, std::size_t cols, std::byte* out) {
  constexpr std::size_t kTile = 32;
  for (std::size_t r0 = 0; r0 < rows; r0 += kTile)
    for (std::size_t c0 = 0; c0 < cols; c0 += kTile)
      for (std::size_t c = c0; c < std::min(cols, c0 + kTile); c++)
        for (std::size_t r = r0; r < std::min(rows, r0 + kTile); r++)
          std::memcpy(out + (c * rows + r) * sizeof(T), in + (r * cols + c) * sizeof(T), sizeof(T));
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

// Buffers only grow: a fresh allocation per unit would be faulted in page by page each time.
std::byte* at_least(std::vector<std::byte>& buffer, std::size_t size) {
  if (buffer.size() < size) buffer.resize(size);
  return buffer.data();
}

// Rows that arrive as they are stored keep their groups.
bool may_keep_lattice(const PlanStep& step, const RowSegment& segment, const Quantization& q,
                      std::size_t cols) {
  return step.quantized && holds_lattice(q) && !segment.transposed && cols % kLatticeGroup == 0 &&
         step.transform.elementwise == Elementwise::kNone;
}

bool takes_directly(DType dtype) {
  return dtype == DType::kBF16 || dtype == DType::kF16 || dtype == DType::kF32;
}

}  // namespace

UnitRunner::Rows UnitRunner::gather(const PlanStep& step, const WorkUnit& unit) {
  const RowSegment& segment = step.transform.segments[unit.segment];
  const SourceTensor& tensor = checkpoint_.tensors[step.sources[segment.source]];
  std::size_t size = size_of(tensor.dtype);
  auto src_cols = static_cast<std::size_t>(col_count(tensor.shape));
  auto rows = static_cast<std::size_t>(unit.rows);
  Rows out{.data = nullptr,
           .dtype = tensor.dtype,
           .rows = rows,
           .cols = src_cols,
           .first = segment.dst_row + unit.row,
           .lattice = false};
  {
    Timed timed(times.read);
    std::size_t bytes = rows * src_cols * size;
    auto first = static_cast<std::uint64_t>(segment.src_row + unit.row);
    at_least(source_, bytes);
    if (tensor.reader && may_keep_lattice(step, segment, *plan_.quantization, src_cols)) {
      lattice_.resize(rows * src_cols / kLatticeGroup);
      out.lattice = tensor.reader->read_lattice(static_cast<std::int64_t>(first * src_cols),
                                                static_cast<std::int64_t>(rows * src_cols),
                                                std::span(source_).first(bytes), lattice_);
    } else if (tensor.reader)
      tensor.reader->read(static_cast<std::int64_t>(first * src_cols),
                          static_cast<std::int64_t>(rows * src_cols),
                          std::span(source_).first(bytes));
    else
      checkpoint_.files[tensor.file].file->read(tensor.offset + first * src_cols * size,
                                                std::span(source_).first(bytes));
    out.data = source_.data();
  }
  Timed timed(times.transform);
  if (segment.transposed) {
    turn_elements(size, source_.data(), rows, src_cols, at_least(turned_, rows * src_cols * size));
    out.data = turned_.data();
    std::swap(out.rows, out.cols);
  }
  if (step.transform.elementwise != Elementwise::kNone) {
    DType target = step.quantized ? plan_.quantization->model_dtype : step.records[0].dtype;
    apply_elementwise(step.transform, out.dtype, target, out.data, out.rows * out.cols, changed_);
    out.dtype = elementwise_result(step.transform, out.dtype, target);
    out.data = changed_.data();
  }
  return out;
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
    block.q_scale = at_least(scales_, rows.rows * groups * scale_size);
    if (rows.lattice)
      group_quantize_lattice(q, *options_.rule, block, lattice_, options_.quantizer,
                             options_.want_error, result.quantized);
    else
      options_.quantizer(q, *options_.rule, block, options_.want_error, result.quantized);
    if (q.model_dtype == DType::kF32)
      store_f32_as_bf16(reinterpret_cast<const float*>(scales_.data()),
                        at_least(stored_, rows.rows * groups * 2), rows.rows * groups);
  }
  bool narrowed = q.model_dtype == DType::kF32;
  write(step.records[0], rows, step, codes_.data(), 4, words, result);
  write(step.records[1], rows, step, narrowed ? stored_.data() : scales_.data(),
        narrowed ? 2 : scale_size, groups, result);
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
    complete = store_.write_runs(record.shard, record.offset + first * element,
                                 static_cast<std::uint64_t>(step.transform.rows) * element,
                                 std::span(columns_).first(bytes), rows.rows * element);
  } else {
    complete = store_.write(record.shard, record.offset + first * per_row * element,
                            std::span(data, bytes));
  }
  if (complete) result.complete.push_back(record.shard);
}

UnitRunner::Result UnitRunner::run(const WorkUnit& unit) {
  const PlanStep& step = plan_.steps[unit.step];
  Result result;
  Rows rows = gather(step, unit);
  if (step.quantized)
    quantize(step, rows, result);
  else
    cast(step, rows, result);
  return result;
}

}  // namespace mlc
