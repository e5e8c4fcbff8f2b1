// One pass over a folder's params and their sources: read, dequantize, sum, recompute, by blocks of
// rows on all threads.
//
// Blocks are those of convert (convert/work.h), of one size whatever the threads, and their sums
// are added in their order: so the numbers are the same on every run.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "convert/convert.h"
#include "convert/source_rows.h"
#include "verify/code_sums.h"
#include "verify/recompute.h"
#include "verify/value_sums.h"
#include "verify/verify.h"

namespace mlc {

struct ParamSums {
  ValueSums values;
  CodeSums codes;
  bool compared = false;                      // values beside a source
  std::vector<Differences> differences = {};  // by recipe; empty: bits were not compared
};

class WeightPass {
 public:
  // `source`: null without one.
  WeightPass(const ParamFolder& folder, const Prepared* source, const VerifyOptions& options,
             const std::optional<Recipe>& asked, Reporter& reporter);

  // Adds findings about params of the source that the folder lacks.
  void run(Findings& findings);

  const std::vector<ParamSums>& sums() const { return sums_; }  // by param of the folder
  const std::vector<Recipe>& recipes() const { return choice_.recipes; }
  std::uint64_t bytes() const { return bytes_; }  // of both sides

 private:
  struct Block {
    std::size_t param = 0;
    std::int64_t first_row = 0;
    std::int64_t rows = 0;             // 0: only bits are compared
    const PlanStep* source = nullptr;  // values are compared with it
    const WorkUnit* unit = nullptr;    // bits are compared
    std::uint64_t bytes = 0;           // that it reads
    std::uint64_t memory = 0;
  };
  class Worker;

  void plan_source(Findings& findings);
  void add_unit(const WorkUnit& unit, std::size_t param, bool values);
  void add_rows(std::size_t param);
  std::optional<std::size_t> param_of(const PlanStep& step) const;
  void finish(std::size_t block, ParamSums sums);

  const ParamFolder& folder_;
  const Prepared* source_;
  const VerifyOptions& options_;
  std::optional<Recipe> asked_;
  Reporter& reporter_;
  unsigned threads_;
  std::vector<WorkUnit> units_;
  std::optional<Recomputation> recomputation_;
  Recomputation::Choice choice_;
  std::vector<std::size_t> param_of_record_;  // by tensor of folder_.stored()
  std::vector<Block> blocks_;
  std::vector<ParamSums> sums_;
  std::uint64_t bytes_ = 0;
  std::mutex mutex_;
  std::size_t next_ = 0;                      // block whose sums are added next
  std::map<std::size_t, ParamSums> waiting_;  // of later ones
};

// The index of a flat element.
std::vector<std::int64_t> index_of(std::uint64_t element, const std::vector<std::int64_t>& shape);

}  // namespace mlc
