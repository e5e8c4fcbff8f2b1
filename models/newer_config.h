// Checkpoints written by transformers 5 keep the base and the scaling of the rotations together, as
// `rope_parameters`, and models with several parts keep the text model's numbers in `text_config`.
// The tables of models/arch/ know the older keys; this gives them those.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "models/config_table.h"

namespace mlc {

// `source` with rope_theta, rope_scaling, partial_rotary_factor and rope_local_base_freq added from
// rope_parameters, where it has none of its own and `table` does not read rope_parameters itself;
// and flattened, where only text_config has the fields that `table` requires. Each change is named
// in `warnings`, because mlc_llm makes none of them. Files of older layouts are returned as they
// are.
Json with_older_keys(const ConfigTable& table, const Json& source, const std::string& path,
                     std::vector<std::string>& warnings);

}  // namespace mlc
