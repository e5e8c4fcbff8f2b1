// Reads the fields of a ConfigTable from a JSON object and takes its steps.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "models/config_table.h"

namespace mlc {

struct DerivedFields {
  Json fields;
  Json rest;  // the keys that are no fields and that no step used up
  std::vector<std::string> warnings;
};

// `path` and `model_type` are for messages. Errors: models/model_config.h.
DerivedFields derive_fields(const ConfigTable& table, const Json& object, const std::string& path,
                            std::string_view model_type);

}  // namespace mlc
