// The largest magnitudes of params whose scale is one number: known before the first unit runs,
// since the scale needs all elements and the param may be larger than memory. Their sources are
// read twice.
#pragma once

#include <vector>

#include "convert/found_lattices.h"
#include "quantize/fp8_pack.h"

namespace mlc {

// By step of the plan; empty when no param of the plan has such a scale. `units`: those that will
// run.
std::vector<MaxAbs> find_largest_values(const SourceScan& scan, const std::vector<WorkUnit>& units,
                                        StageTimes& times, Reporter& reporter);

// The scale of each step under a rule.
std::vector<float> whole_scales(const std::vector<MaxAbs>& largest, const NumericRule& rule);

}  // namespace mlc
