// What one thread does with one unit of work: read, turn or transform, quantize or cast, write.
#pragma once

#include <vector>

#include "convert/execute.h"
#include "convert/found_lattices.h"
#include "convert/segment_reader.h"
#include "convert/sink.h"
#include "convert/work.h"
#include "quantize/fp8_pack.h"

namespace mlc {

// One per thread; its buffers are reused from unit to unit.
class UnitRunner {
 public:
  // `scales`: of each step whose scale is one number for the whole param; made of scan()'s results
  // before run() is called. `lattices`: likewise, of has_hidden_lattice()'s.
  UnitRunner(const Plan& plan, const Checkpoint& checkpoint, const ExecuteOptions& options,
             Sink& sink, const std::vector<float>& scales, const FoundLattices& lattices)
      : plan_(plan),
        checkpoint_(checkpoint),
        options_(options),
        sink_(sink),
        scales_(scales),
        lattices_(lattices),
        reader_(checkpoint) {}

  struct Result {
    std::vector<std::size_t> complete;  // shards whose last byte this unit wrote
    QuantCounts quantized;
    CastCounts cast;
    ErrorSums error;  // with ExecuteOptions::measure_params
  };
  Result run(const WorkUnit& unit);
  // The largest magnitude among the unit's elements, cast to the model dtype; writes nothing.
  MaxAbs scan(const WorkUnit& unit);

  // How many groups of the unit lie on a lattice that its reader does not tell, and how many not.
  struct HiddenLattice {
    std::uint64_t on = 0;
    std::uint64_t off = 0;
  };
  HiddenLattice hidden_lattice(const WorkUnit& unit);

  StageTimes times;

 private:
  struct Rows {
    const std::byte* data;
    DType dtype;
    std::size_t rows;
    std::size_t cols;
    std::int64_t first;  // row of the param
    bool lattice;        // lattice_ holds a scale per 32 elements
    bool found = false;  // one was found in the whole source
  };
  Rows gather(const PlanStep& step, const WorkUnit& unit);
  Rows gather_band(const PlanStep& step, const WorkUnit& unit, CastCounts& counts);
  void to_model_dtype(Rows& rows, CastCounts& counts);
  void cast(const PlanStep& step, const Rows& rows, Result& result);
  void keep(const PlanStep& step, const Rows& rows, Result& result);
  void quantize(const PlanStep& step, Rows rows, Result& result);
  void quantize_ft(const PlanStep& step, const Rows& rows, Result& result);
  void quantize_fp8(const PlanStep& step, const WorkUnit& unit, Rows rows, Result& result);
  // `compute(row, rows, out)` gives what a runtime computes of these rows of the unit.
  template <class Compute>
  void measure(const Rows& rows, DType as, Compute compute, Result& result);
  void write(const PlanRecord& record, const Rows& rows, const PlanStep& step,
             const std::byte* data, std::size_t element, std::size_t per_row, Result& result);

  const Plan& plan_;
  const Checkpoint& checkpoint_;
  const ExecuteOptions& options_;
  Sink& sink_;
  const std::vector<float>& scales_;
  const FoundLattices& lattices_;
  Fp8Quantizer fp8_;
  SegmentReader reader_;
  std::vector<std::byte> band_;
  std::vector<std::byte> changed_;
  std::vector<std::byte> cast_;
  std::vector<std::byte> codes_;
  std::vector<std::byte> packed_scales_;
  std::vector<std::byte> stored_;
  std::vector<std::byte> columns_;
  std::vector<std::byte> narrowed_;
  std::vector<float> computed_;
  std::vector<float> wanted_;
};

}  // namespace mlc
