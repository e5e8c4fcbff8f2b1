// Which sources lie on a lattice that nobody told: found before the conversion begins.
//
// The answer is one for a whole source tensor and rests on all its elements, so that it can't
// depend on units, threads or an interrupted run: at least 63 of 64 groups are lossless
// (quantize/lattice_search.h). A few rows dismiss what was never quantized, mostly three; only what
// they leave is read to its end.
#pragma once

#include <functional>
#include <vector>

#include "convert/execute.h"
#include "convert/memory_gate.h"
#include "convert/sink.h"
#include "convert/work.h"

namespace mlc {

// By step of the plan and index into the step's sources.
class FoundLattices {
 public:
  explicit FoundLattices(const Plan& plan) : first_(plan.steps.size() + 1) {
    for (std::size_t s = 0; s < plan.steps.size(); s++)
      first_[s + 1] = first_[s] + plan.steps[s].sources.size();
    found_.resize(first_.back());
  }
  bool has(std::size_t step, std::size_t source) const { return found_[first_[step] + source]; }
  void add(std::size_t step, std::size_t source) { found_[first_[step] + source] = true; }
  std::size_t count() const {
    std::size_t n = 0;
    for (bool found : found_)
      n += found ? 1u : 0u;
    return n;
  }

 private:
  std::vector<std::size_t> first_;
  std::vector<bool> found_;
};

// Rows that arrive as they are stored, in whole groups, for a scheme that has lattices.
bool may_keep_lattice(const Plan& plan, const PlanStep& step, const RowSegment& segment);

class UnitRunner;

// What passes over the sources before the conversion need.
struct SourceScan {
  const Plan& plan;
  const Checkpoint& checkpoint;
  const ExecuteOptions& options;
  Sink& sink;
  MemoryGate& gate;
};
// Runs `work(runner, i)` for all i < n on all threads, and returns the time that stages took.
StageTimes on_all_threads(const SourceScan& scan, std::size_t n,
                          const std::function<void(UnitRunner& runner, std::size_t i)>& work);

// Adds to `lattices`. `units`: of the whole plan, in its order.
StageTimes find_lattices(const SourceScan& scan, const std::vector<WorkUnit>& units,
                         FoundLattices& lattices, Reporter& reporter);

}  // namespace mlc
