#include "convert/found_lattices.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>

#include "base/error.h"
#include "base/parallel.h"
#include "convert/unit_runner.h"
#include "quantize/lattice.h"

namespace mlc {
namespace {

constexpr std::int64_t kSamples = 8;
// A row in which more than one of eight groups lies beside the lattice speaks against it. Some may,
// all the same: rows of tokens that never occur, with weights too small for a float16 scale.
constexpr int kMostBadSamples = 2;
constexpr std::uint64_t kSampleShare = 8;
// Of all groups, at most one of 64 may. The others of the tensor are worth keeping then.
constexpr std::uint64_t kShare = 64;

struct Candidate {
  std::size_t step;
  std::size_t source;
  std::vector<std::size_t> units;
  bool on_lattice = true;
};

std::vector<Candidate> candidates(const SourceScan& scan, const std::vector<WorkUnit>& units) {
  std::vector<Candidate> list;
  std::size_t of_step = 0;  // index in `list` of the first of the step
  for (std::size_t u = 0; u < units.size(); u++) {
    const WorkUnit& unit = units[u];
    const PlanStep& step = scan.plan.steps[unit.step];
    if (unit.segment == kBand) continue;
    const RowSegment& segment = step.transform.segments[unit.segment];
    if (!may_keep_lattice(scan.plan, step, segment)) continue;
    if (list.empty() || list.back().step != unit.step) of_step = list.size();
    auto same = [&](const Candidate& c) { return c.source == segment.source; };
    // Most often the last one: units of a source follow each other.
    auto at = std::find_if(list.rbegin(), list.rend() - static_cast<std::ptrdiff_t>(of_step), same);
    if (at == list.rend() - static_cast<std::ptrdiff_t>(of_step)) {
      list.push_back({.step = unit.step, .source = segment.source, .units = {}});
      at = list.rbegin();
    }
    at->units.push_back(u);
  }
  std::erase_if(list, [&](const Candidate& c) {
    const std::vector<PlanRecord>& records = scan.plan.steps[c.step].records;
    return std::all_of(records.begin(), records.end(),
                       [&](const PlanRecord& r) { return scan.sink.is_done(r.shard); });
  });
  return list;
}

bool samples_on_lattice(UnitRunner& runner, const Candidate& c,
                        const std::vector<WorkUnit>& units) {
  std::int64_t rows = 0;
  for (std::size_t u : c.units)
    rows += units[u].rows;
  std::int64_t before = 0, sample = 0;
  int bad = 0;
  for (std::size_t u : c.units) {
    for (; sample < kSamples && sample * rows / kSamples < before + units[u].rows; sample++) {
      WorkUnit one = units[u];
      one.row += sample * rows / kSamples - before;
      one.rows = 1;
      UnitRunner::HiddenLattice seen = runner.hidden_lattice(one);
      bad += seen.off * kSampleShare > seen.on + seen.off ? 1 : 0;
      if (bad > kMostBadSamples) return false;
    }
    before += units[u].rows;
  }
  return true;
}

}  // namespace

StageTimes on_all_threads(const SourceScan& scan, std::size_t n,
                          const std::function<void(UnitRunner& runner, std::size_t i)>& work) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  StageTimes times;
  const std::vector<float> no_scales;
  const FoundLattices none(scan.plan);
  parallel_for(scan.options.threads, scan.options.threads, [&](std::size_t, unsigned) {
    UnitRunner runner(scan.plan, scan.checkpoint, scan.options, scan.sink, no_scales, none);
    for (std::size_t i = next.fetch_add(1); i < n; i = next.fetch_add(1)) {
      throw_if_cancelled();
      work(runner, i);
    }
    std::lock_guard lock(mutex);
    times += runner.times;
  });
  return times;
}

bool may_keep_lattice(const Plan& plan, const PlanStep& step, const RowSegment& segment) {
  return step.packer == Packer::kGroup && holds_lattice(*plan.quantization) &&
         !segment.transposed && !step.transform.side_by_side &&
         !step.transform.even_columns_first &&
         step.transform.cols % static_cast<std::int64_t>(kLatticeGroup) == 0 &&
         step.transform.elementwise == Elementwise::kNone;
}

StageTimes find_lattices(const SourceScan& scan, const std::vector<WorkUnit>& units,
                         FoundLattices& lattices, Reporter& reporter) {
  std::vector<Candidate> list = candidates(scan, units);
  StageTimes times = on_all_threads(scan, list.size(), [&](UnitRunner& runner, std::size_t i) {
    GatePass pass(scan.gate, unit_memory(scan.plan, scan.checkpoint, units[list[i].units[0]]));
    list[i].on_lattice = samples_on_lattice(runner, list[i], units);
  });
  std::erase_if(list, [](const Candidate& c) { return !c.on_lattice; });
  if (list.empty()) return times;
  struct Piece {
    std::size_t candidate;
    std::size_t unit;
  };
  std::vector<Piece> pieces;
  std::uint64_t bytes = 0;
  for (std::size_t c = 0; c < list.size(); c++)
    for (std::size_t u : list[c].units) {
      pieces.push_back({c, u});
      bytes += unit_source_bytes(scan.plan, scan.checkpoint, units[u]);
    }
  std::vector<std::uint64_t> most_off(list.size());  // of each candidate
  for (std::size_t c = 0; c < list.size(); c++) {
    for (std::size_t u : list[c].units)
      most_off[c] +=
          static_cast<std::uint64_t>(units[u].rows * scan.plan.steps[list[c].step].transform.cols);
    most_off[c] /= kLatticeGroup * kShare;
  }
  // Once too many are off, the rest need not be read.
  auto off = std::make_unique<std::atomic<std::uint64_t>[]>(list.size());
  reporter.begin("scan", bytes);
  times += on_all_threads(scan, pieces.size(), [&](UnitRunner& runner, std::size_t i) {
    const WorkUnit& unit = units[pieces[i].unit];
    std::size_t c = pieces[i].candidate;
    if (off[c] <= most_off[c]) {
      GatePass pass(scan.gate, unit_memory(scan.plan, scan.checkpoint, unit));
      off[c] += runner.hidden_lattice(unit).off;
    }
    reporter.advance(unit_source_bytes(scan.plan, scan.checkpoint, unit));
  });
  reporter.end();
  for (std::size_t c = 0; c < list.size(); c++)
    if (off[c] <= most_off[c]) lattices.add(list[c].step, list[c].source);
  return times;
}

}  // namespace mlc
