#include "convert/largest_values.h"

#include "convert/unit_runner.h"

namespace mlc {

std::vector<MaxAbs> find_largest_values(const SourceScan& scan, const std::vector<WorkUnit>& units,
                                        StageTimes& times, Reporter& reporter) {
  if (!scan.plan.quantization->scaled) return {};
  std::vector<std::size_t> wanted;
  std::uint64_t bytes = 0;
  for (std::size_t u = 0; u < units.size(); u++) {
    if (scan.plan.steps[units[u].step].packer != Packer::kFp8) continue;
    wanted.push_back(u);
    bytes += unit_source_bytes(scan.plan, scan.checkpoint, units[u]);
  }
  reporter.begin("scan", bytes);
  std::vector<MaxAbs> parts(wanted.size());
  times += on_all_threads(scan, wanted.size(), [&](UnitRunner& runner, std::size_t i) {
    const WorkUnit& unit = units[wanted[i]];
    GatePass pass(scan.gate, unit_memory(scan.plan, scan.checkpoint, unit));
    parts[i] = runner.scan(unit);
    reporter.advance(unit_source_bytes(scan.plan, scan.checkpoint, unit));
  });
  reporter.end();
  // In the order of rows: units are, within a step.
  std::vector<MaxAbs> whole(scan.plan.steps.size());
  for (std::size_t i = 0; i < wanted.size(); i++)
    whole[units[wanted[i]].step].append(parts[i]);
  return whole;
}

std::vector<float> whole_scales(const std::vector<MaxAbs>& largest, const NumericRule& rule) {
  std::vector<float> scales;
  scales.reserve(largest.size());
  for (const MaxAbs& max : largest)
    scales.push_back(fp8_scale(max, rule));
  return scales;
}

}  // namespace mlc
