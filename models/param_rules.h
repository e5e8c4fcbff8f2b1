// What mlc_llm tells from a param's name and shape when it decides what to quantize.
#pragma once

#include <string_view>

#include "models/param_spec.h"

namespace mlc {

// A linear layer that no scheme but group quantization and its fallback touches: the last
// projection, told by its full path, and routers.
bool is_final_fc(const ParamSpec& spec);
bool is_gate(const ParamSpec& spec);

// "model.norm.weight" without its last part: "model.norm".
std::string_view module_of(std::string_view param_name);

}  // namespace mlc
