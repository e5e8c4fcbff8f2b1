// The frequencies of the rotations, by the rules of transformers (modeling_rope_utils.py), in
// float64.
#pragma once

#include <cstdint>

#include "base/json.h"
#include "models/model_config.h"
#include "runtime-min/engine/forward_plan.h"

namespace mlc {

// `scaling`: the object rope_scaling, or anything else for none. Numbers that it lacks are sought
// in the config. Error(kUnsupported) for an unknown kind; Error(kBadInput) for a missing number.
RopePlan plan_rope(double theta, std::uint32_t dims, bool interleaved, const Json& scaling,
                   const ModelConfig& config);

}  // namespace mlc
