// What the program knows, as tables: convert_weight's --list options. README's tables of what is
// supported are made from the same lists (scripts/update_readme.py).
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace mlc {

struct List {
  std::string text;
  Json json;  // an object; docs/formats.md, "Lists"
};

List list_models();
List list_quantizations();
List list_sources();

// The params of the model that `config` (config.json or its folder) describes, in the order of the
// model's modules. `model_type`: a name of the registry, or "auto". Without a quantization, the
// params before any, whose dtype is the quantization's; with one, the records that they become.
// Shapes are those of the config: a vocabulary's size is the checkpoint's own in a conversion.
// Errors as load_model_config, expand_params and records_of; kUsage for an unknown quantization.
List list_params(std::string_view model_type, const std::string& config,
                 std::string_view quantization);

}  // namespace mlc
