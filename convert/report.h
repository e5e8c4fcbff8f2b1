// What convert_weight prints: the plan and the summary, as text or JSON.
#pragma once

#include <string>

#include "base/json.h"
#include "convert/convert.h"

namespace mlc {

// A table of params and the totals.
std::string plan_text(const Prepared& prepared);
// One object; `params` lists in output order name, shape, dtype, nbytes, shard, offset, sources,
// op, quantizer. Schema: docs/formats.md, "Plan".
Json plan_json(const Prepared& prepared);

std::string summary_text(const ConvertOptions& options, const Prepared& prepared,
                         const ConvertSummary& summary);
Json summary_json(const ConvertOptions& options, const Prepared& prepared,
                  const ConvertSummary& summary);

}  // namespace mlc
