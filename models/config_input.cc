#include "models/config_input.h"

#include <algorithm>

#include "base/error.h"

namespace mlc {

namespace {

std::string_view name_of(FieldType type) {
  switch (type) {
    case FieldType::kInt:
      return "an integer";
    case FieldType::kNumber:
      return "a number";
    case FieldType::kBool:
      return "true or false";
    case FieldType::kString:
      return "text";
    case FieldType::kObject:
      return "an object";
    case FieldType::kList:
      return "a list";
    case FieldType::kAny:
      return "any value";
  }
  return "";
}

}  // namespace

void check_field_type(const Field& field, const Json& value, const std::string& where) {
  if (field.type == FieldType::kAny) return;
  if (value.is_null() && !field.otherwise.empty()) return;
  bool fits = false;
  switch (field.type) {
    case FieldType::kInt:
      value.as_int(where);  // its message says more: "1e9" is not a plain integer
      return;
    case FieldType::kNumber:
      fits = value.is_number();
      break;
    case FieldType::kBool:
      fits = value.is_bool();
      break;
    case FieldType::kString:
      fits = value.is_string();
      break;
    case FieldType::kObject:
      fits = value.is_object();
      break;
    case FieldType::kList:
      fits = value.is_array();
      break;
    case FieldType::kAny:
      break;
  }
  if (!fits)
    bad_input("{} must be {}, found {}", where, name_of(field.type),
              value.is_object() || value.is_array() ? "a list or an object"
                                                    : printable(dump_json(value), 60));
}

void check_member_count(const Json& object, const std::string& path) {
  if (object.members(path).size() > kMaxMembers)
    bad_input("{}: {} keys, more than the {} that a model's config may have", path,
              object.members(path).size(), kMaxMembers);
}

Json flattened(const ConfigTable& table, const Json& object, const std::string& path) {
  check_member_count(object, path);
  Json flat = Json::object();
  for (const Json::Member& member : object.members(path))
    if (member.first != table.flatten) flat.set(member.first, member.second);
  const Json& inner = *object.find(table.flatten);
  check_member_count(inner, path);
  for (const Json::Member& member : inner.members(fmt::format("{}: {}", path, table.flatten))) {
    bool stays = std::find(table.top_wins.begin(), table.top_wins.end(), member.first) !=
                 table.top_wins.end();
    if (!stays || flat.find(member.first) == nullptr) flat.set(member.first, member.second);
  }
  return flat;
}

}  // namespace mlc
