#include "convert/work.h"

#include <algorithm>

namespace mlc {
namespace {

// A turned record is written in runs of `rows` words. 1024 rows make runs of 4 KiB; shorter ones
// cost a system call each for little data.
constexpr std::int64_t kPackedKnRows = 1024;

const SourceTensor& source_of(const PlanStep& step, const Checkpoint& checkpoint,
                              std::size_t segment) {
  return checkpoint.tensors[step.sources[step.transform.segments[segment].source]];
}

bool any_transposed(const PlanStep& step) {
  return std::any_of(step.transform.segments.begin(), step.transform.segments.end(),
                     [](const RowSegment& s) { return s.transposed; });
}

// The widest element among the sources.
std::uint64_t source_element(const PlanStep& step, const Checkpoint& checkpoint) {
  std::uint64_t size = 1;
  for (std::size_t s : step.sources)
    size = std::max<std::uint64_t>(size, size_of(checkpoint.tensors[s].dtype));
  return size;
}

// Source rows, their parted and their turned copy, the band, its cast, codes: at most 24 bytes an
// element beside the sources' own.
std::uint64_t band_memory(const PlanStep& step, const Checkpoint& checkpoint,
                          const WorkUnit& unit) {
  std::uint64_t elements =
      static_cast<std::uint64_t>(unit.rows) * static_cast<std::uint64_t>(step.transform.cols);
  std::uint64_t scratch = 0;
  for (std::size_t s : step.sources)
    if (const auto& reader = checkpoint.tensors[s].reader)
      scratch = std::max(scratch, reader->scratch_bytes(static_cast<std::int64_t>(elements)));
  return scratch + elements * (3 * source_element(step, checkpoint) + 24);
}

// Bands begin anywhere in a segment, but a turned segment is read whole.
void cut_into_bands(const PlanStep& step, std::size_t s, std::uint64_t row_bytes,
                    std::uint64_t block_bytes, std::vector<WorkUnit>& units) {
  std::int64_t rows = step.transform.rows;
  if (!any_transposed(step)) {
    auto fitting = static_cast<std::int64_t>(block_bytes / std::max<std::uint64_t>(1, row_bytes));
    rows = std::max(step.band_rows, fitting / step.band_rows * step.band_rows);
  }
  for (std::int64_t r = 0; r < step.transform.rows; r += rows)
    units.push_back({s, kBand, r, std::min(rows, step.transform.rows - r)});
}

}  // namespace

std::uint64_t unit_source_bytes(const Plan& plan, const Checkpoint& checkpoint,
                                const WorkUnit& unit) {
  const PlanStep& step = plan.steps[unit.step];
  if (unit.segment == kBand)
    return static_cast<std::uint64_t>(unit.rows * step.transform.cols) *
           source_element(step, checkpoint);
  const SourceTensor& t = source_of(step, checkpoint, unit.segment);
  return static_cast<std::uint64_t>(unit.rows * col_count(t.shape)) * size_of(t.dtype);
}

std::uint64_t unit_memory(const Plan& plan, const Checkpoint& checkpoint, const WorkUnit& unit) {
  const PlanStep& step = plan.steps[unit.step];
  if (unit.segment == kBand) return band_memory(step, checkpoint, unit);
  const SourceTensor& tensor = source_of(step, checkpoint, unit.segment);
  const RowSegment& segment = step.transform.segments[unit.segment];
  auto cols = static_cast<std::uint64_t>(segment.transposed ? col_count(tensor.shape)
                                                            : step.transform.cols);
  std::uint64_t elements = static_cast<std::uint64_t>(unit.rows) * cols;
  std::uint64_t size = size_of(tensor.dtype);
  bool widened = step.transform.elementwise != Elementwise::kNone || size != 2;
  std::uint64_t copies = 1;
  if (segment.transposed) copies++;
  if (step.transform.even_columns_first) copies++;
  std::uint64_t out = step.quantized ? (step.packed_kn ? 2 : 1) : 4;
  if (step.packer == Packer::kFp8) out = 3;  // float16 and codes
  std::uint64_t scratch =
      tensor.reader ? tensor.reader->scratch_bytes(static_cast<std::int64_t>(elements)) : 0;
  return scratch + elements * (size * copies + (widened ? 8 : 0) + out);
}

WorkList cut_into_units(const Plan& plan, const Checkpoint& checkpoint, std::uint64_t block_bytes) {
  WorkList list;
  for (std::size_t s = 0; s < plan.steps.size(); s++) {
    const PlanStep& step = plan.steps[s];
    if (step.band_rows > 0) {
      std::uint64_t row_bytes =
          static_cast<std::uint64_t>(step.transform.cols) * source_element(step, checkpoint);
      cut_into_bands(step, s, row_bytes, block_bytes, list.units);
      continue;
    }
    for (std::size_t g = 0; g < step.transform.segments.size(); g++) {
      const RowSegment& segment = step.transform.segments[g];
      std::uint64_t row_bytes = static_cast<std::uint64_t>(step.transform.cols) *
                                size_of(source_of(step, checkpoint, g).dtype);
      auto rows = static_cast<std::int64_t>(
          std::max<std::uint64_t>(1, block_bytes / std::max<std::uint64_t>(1, row_bytes)));
      if (step.packed_kn) {
        // Wide rows: still at most eight blocks' worth at a time.
        auto most = static_cast<std::int64_t>(
            std::max<std::uint64_t>(1, 8 * block_bytes / std::max<std::uint64_t>(1, row_bytes)));
        rows = std::max(rows, std::min(kPackedKnRows, most));
      }
      if (step.transform.cols == 1) rows = (rows / kElementAlignment + 1) * kElementAlignment;
      if (segment.transposed) rows = segment.rows;
      for (std::int64_t r = 0; r < segment.rows; r += rows)
        list.units.push_back({s, g, r, std::min(rows, segment.rows - r)});
    }
  }
  for (const WorkUnit& unit : list.units)
    list.largest_unit_bytes =
        std::max(list.largest_unit_bytes, unit_memory(plan, checkpoint, unit));
  return list;
}

}  // namespace mlc
