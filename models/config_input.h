// What config.json gives to a ConfigTable, before the steps.
#pragma once

#include <cstddef>
#include <string>

#include "base/json.h"
#include "models/config_table.h"

namespace mlc {

// Error(kBadInput) unless `value` has the field's type, or is null where the field has a default.
// `where` names it: "config.json: hidden_size".
void check_field_type(const Field& field, const Json& value, const std::string& where);

// Far more than any config has; copying an object key by key takes the square of their number.
inline constexpr std::size_t kMaxMembers = 4096;
void check_member_count(const Json& object, const std::string& path);

// The object under `table.flatten` laid over the top level; that key itself is left out. There has
// to be one.
Json flattened(const ConfigTable& table, const Json& object, const std::string& path);

}  // namespace mlc
