#include "verify/weight_pass.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/parallel.h"
#include "verify/weight_rules.h"

namespace mlc {
namespace {

// Values summed at a time: source, values and codes stay in a second-level cache.
constexpr std::int64_t kSlice = std::int64_t{64} << 10;
// Records that are turned are read in lines of so many rows' words, a system call each; sources
// that are turned are read whole for every slice.
constexpr std::int64_t kTurnedSlice = std::int64_t{1} << 20;
constexpr std::int64_t kTurnedSourceSlice = std::int64_t{4} << 20;
// Of a block without a source.
constexpr std::int64_t kBlock = std::int64_t{1} << 20;
// Program text, library heaps, indices.
constexpr std::uint64_t kFixedMemory = std::uint64_t{40} << 20;

std::int64_t slice_elements(const FolderParam& param, const PlanStep* source) {
  if (source != nullptr && SourceRows::is_turned(*source)) return kTurnedSourceSlice;
  return param.turned || param.form == ParamForm::kAwq ? kTurnedSlice : kSlice;
}

std::int64_t rows_of(const FolderParam& param, std::int64_t elements) {
  std::int64_t unit = ParamReader::row_unit(param);
  return std::max(unit, elements / std::max<std::int64_t>(1, param.cols) / unit * unit);
}

}  // namespace

std::vector<std::int64_t> index_of(std::uint64_t element, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> index(shape.size());
  for (std::size_t d = shape.size(); d-- > 0;) {
    auto side = static_cast<std::uint64_t>(std::max<std::int64_t>(1, shape[d]));
    index[d] = static_cast<std::int64_t>(element % side);
    element /= side;
  }
  return index;
}

// What one thread needs for a block.
class WeightPass::Worker {
 public:
  explicit Worker(const WeightPass& pass) : pass_(pass), reader_(pass.folder_) {
    if (pass.source_ == nullptr) return;
    rows_.emplace(pass.source_->checkpoint);
    runner_.emplace(*pass.recomputation_, pass.choice_.recipes);
  }

  ParamSums run(const Block& block) {
    ParamSums sums;
    const FolderParam& param = pass_.folder_.params()[block.param];
    std::int64_t end = block.first_row + block.rows;
    std::int64_t step = rows_of(param, slice_elements(param, block.source));
    for (std::int64_t row = block.first_row; row < end; row += step)
      add_slice(param, block, row, std::min(step, end - row), sums);
    sums.compared = block.source != nullptr;
    if (block.unit != nullptr) sums.differences = runner_->run(*block.unit);
    return sums;
  }

 private:
  void add_slice(const FolderParam& param, const Block& block, std::int64_t row, std::int64_t rows,
                 ParamSums& sums) {
    auto n = static_cast<std::size_t>(rows * param.cols);
    if (values_.size() < n) values_.resize(n);
    reader_.read(param, row, rows, values_);
    const float* source = nullptr;
    if (block.source != nullptr) {
      if (wanted_.size() < n) wanted_.resize(n);
      rows_->read(*block.source, row, rows, std::span(wanted_).first(n));
      source = wanted_.data();
    }
    sums.values.append(
        sum_values(values_.data(), source, n, static_cast<std::uint64_t>(row * param.cols)));
    sums.codes.append(sum_codes(param, pass_.folder_.quantization(), reader_.stored(), rows));
  }

  const WeightPass& pass_;
  ParamReader reader_;
  std::optional<SourceRows> rows_;
  std::optional<RecipeRunner> runner_;
  std::vector<float> values_;
  std::vector<float> wanted_;
};

WeightPass::WeightPass(const ParamFolder& folder, const Prepared* source,
                       const VerifyOptions& options, const std::optional<Recipe>& asked,
                       Reporter& reporter)
    : folder_(folder),
      source_(source),
      options_(options),
      asked_(asked),
      reporter_(reporter),
      threads_(options.threads != 0 ? options.threads : default_threads()),
      param_of_record_(folder.stored().tensors.size(), folder.params().size()),
      sums_(folder.params().size()) {
  for (std::size_t p = 0; p < folder.params().size(); p++)
    for (std::size_t r : folder.params()[p].records)
      param_of_record_[r] = p;
}

std::optional<std::size_t> WeightPass::param_of(const PlanStep& step) const {
  const SourceTensor* found = folder_.stored().find(step.records[0].name);
  if (found == nullptr) return std::nullopt;
  std::size_t p =
      param_of_record_[static_cast<std::size_t>(found - folder_.stored().tensors.data())];
  if (p == folder_.params().size()) return std::nullopt;
  return p;
}

// The rows of the param that the unit fills, of values and of bits.
void WeightPass::add_unit(const WorkUnit& unit, std::size_t param, bool values) {
  const PlanStep& step = source_->plan.steps[unit.step];
  Block block{.param = param, .unit = &unit};
  block.bytes = unit_source_bytes(source_->plan, source_->checkpoint, unit);
  block.memory = unit_memory(source_->plan, source_->checkpoint, unit);
  if (values) {
    block.source = &step;
    block.first_row = unit.row;
    block.rows = unit.rows;
    if (unit.segment != kBand) {
      const RowSegment& segment = step.transform.segments[unit.segment];
      block.first_row += segment.dst_row;
      if (segment.transposed) {
        block.first_row = segment.dst_row;
        block.rows = col_count(source_->checkpoint.tensors[step.sources[segment.source]].shape);
      }
    }
  }
  blocks_.push_back(block);
}

void WeightPass::add_rows(std::size_t param) {
  const FolderParam& p = folder_.params()[param];
  if (p.elements() == 0) return;
  std::int64_t step = rows_of(p, kBlock);
  for (std::int64_t row = 0; row < p.rows; row += step)
    blocks_.push_back({.param = param, .first_row = row, .rows = std::min(step, p.rows - row)});
}

void WeightPass::plan_source(Findings& findings) {
  const Plan& plan = source_->plan;
  units_ = cut_into_units(plan, source_->checkpoint, kBlockBytes).units;
  ExecuteOptions limits;
  limits.threads = threads_;
  limits.max_memory = options_.max_memory;
  recomputation_.emplace(plan, source_->checkpoint, folder_, units_, limits, reporter_);
  choice_ = recomputation_->choose(asked_);
  // By param, in the folder's order.
  std::vector<std::vector<const WorkUnit*>> units_of(folder_.params().size());
  std::size_t last = plan.steps.size();
  for (const WorkUnit& unit : units_) {
    const PlanStep& step = plan.steps[unit.step];
    std::optional<std::size_t> param = param_of(step);
    if (param && recomputation_->has_records(step)) {
      units_of[*param].push_back(&unit);
    } else if (unit.step != last) {
      bool known = std::any_of(
          folder_.troubles().begin(), folder_.troubles().end(), [&](const ParamTrouble& trouble) {
            return std::any_of(step.records.begin(), step.records.end(),
                               [&](const PlanRecord& r) { return r.name == trouble.name; });
          });
      if (!known)
        findings.add(rule_of(WeightRule::kNoPlace), step.spec.name, "no such records, or others",
                     shape_text(step.transform.shape) + " in the source");
    }
    last = unit.step;
  }
  for (std::size_t p = 0; p < units_of.size(); p++) {
    const FolderParam& param = folder_.params()[p];
    // Params that are kept as they are packed are several steps, and have no values there.
    bool values = !units_of[p].empty();
    for (const WorkUnit* unit : units_of[p])
      values = values && plan.steps[unit->step].spec.name == param.name &&
               plan.steps[unit->step].transform.shape == param.shape &&
               (param.form == ParamForm::kPlain || plan.steps[unit->step].quantized);
    if (!values) add_rows(p);
    for (const WorkUnit* unit : units_of[p])
      add_unit(*unit, p, values);
  }
}

void WeightPass::finish(std::size_t block, ParamSums sums) {
  std::lock_guard lock(mutex_);
  waiting_.emplace(block, std::move(sums));
  for (auto next = waiting_.begin(); next != waiting_.end() && next->first == next_;
       next = waiting_.erase(next), next_++) {
    ParamSums& to = sums_[blocks_[next_].param];
    const ParamSums& from = next->second;
    to.values.append(from.values);
    to.codes.append(from.codes);
    to.compared = to.compared || from.compared;
    if (to.differences.size() < from.differences.size())
      to.differences.resize(from.differences.size());
    for (std::size_t r = 0; r < from.differences.size(); r++)
      to.differences[r].append(from.differences[r]);
  }
}

void WeightPass::run(Findings& findings) {
  if (source_ != nullptr)
    plan_source(findings);
  else
    for (std::size_t p = 0; p < folder_.params().size(); p++)
      add_rows(p);
  for (const SourceTensor& t : folder_.stored().tensors)
    bytes_ += t.nbytes;
  if (source_ != nullptr) bytes_ += source_->plan.read_bytes;
  std::uint64_t progress = 0;
  for (Block& block : blocks_) {
    const FolderParam& param = folder_.params()[block.param];
    std::uint64_t stored = 0;
    for (std::size_t r : param.records)
      stored += folder_.stored().tensors[r].nbytes;
    if (block.rows > 0)
      block.bytes += stored * static_cast<std::uint64_t>(block.rows) /
                     static_cast<std::uint64_t>(std::max<std::int64_t>(1, param.rows));
    std::int64_t slice = std::min(block.rows, rows_of(param, slice_elements(param, block.source)));
    // Values, the source's and codes twice.
    block.memory += static_cast<std::uint64_t>(slice * param.cols) * 16;
    progress += block.bytes;
  }
  MemoryGate gate(options_.max_memory > kFixedMemory ? options_.max_memory - kFixedMemory : 0);
  reporter_.begin("weights", progress);
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> stop = false;
  parallel_for(threads_, threads_, [&](std::size_t, unsigned) {
    Worker worker(*this);
    try {
      for (std::size_t b = next.fetch_add(1); b < blocks_.size() && !stop; b = next.fetch_add(1)) {
        throw_if_cancelled();
        GatePass pass(gate, blocks_[b].memory);
        finish(b, worker.run(blocks_[b]));
        reporter_.advance(blocks_[b].bytes);
      }
    } catch (...) {
      stop = true;
      throw;
    }
  });
  reporter_.end();
}

}  // namespace mlc
