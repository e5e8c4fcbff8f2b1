// The results of the levels as members of the JSON report; docs/formats.md, "Verify report", names
// each with its unit.
#pragma once

#include "base/json.h"
#include "verify/results.h"

namespace mlc {

Json result_json(const FilesResult& files);
Json result_json(const ParamsResult& params);
Json result_json(const WeightsResult& weights);
Json result_json(const KernelsResult& kernels);
Json result_json(const ModelResult& model);
Json result_json(const ReferenceResult& reference);

}  // namespace mlc
