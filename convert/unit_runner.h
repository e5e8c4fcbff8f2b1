// What one thread does with one unit of work: read, turn or transform, quantize or cast, write.
#pragma once

#include <vector>

#include "convert/execute.h"
#include "convert/work.h"

namespace mlc {

// One per thread; its buffers are reused from unit to unit.
class UnitRunner {
 public:
  UnitRunner(const Plan& plan, const Checkpoint& checkpoint, const ExecuteOptions& options,
             ShardStore& store)
      : plan_(plan), checkpoint_(checkpoint), options_(options), store_(store) {}

  struct Result {
    std::vector<std::size_t> complete;  // shards whose last byte this unit wrote
    QuantCounts quantized;
    CastCounts cast;
  };
  Result run(const WorkUnit& unit);

  StageTimes times;

 private:
  struct Rows {
    const std::byte* data;
    DType dtype;
    std::size_t rows;
    std::size_t cols;
    std::int64_t first;  // row of the param
    bool lattice;        // lattice_ holds a scale per 32 elements
  };
  Rows gather(const PlanStep& step, const WorkUnit& unit);
  void cast(const PlanStep& step, const Rows& rows, Result& result);
  void quantize(const PlanStep& step, Rows rows, Result& result);
  void write(const PlanRecord& record, const Rows& rows, const PlanStep& step,
             const std::byte* data, std::size_t element, std::size_t per_row, Result& result);

  const Plan& plan_;
  const Checkpoint& checkpoint_;
  const ExecuteOptions& options_;
  ShardStore& store_;
  std::vector<std::byte> source_;
  std::vector<float> lattice_;
  std::vector<std::byte> turned_;
  std::vector<std::byte> changed_;
  std::vector<std::byte> codes_;
  std::vector<std::byte> scales_;
  std::vector<std::byte> stored_;
  std::vector<std::byte> columns_;
};

}  // namespace mlc
