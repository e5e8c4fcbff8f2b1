#include "models/newer_config.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "models/config_input.h"

namespace mlc {

namespace {

constexpr std::string_view kRopeParameters = "rope_parameters";
constexpr std::string_view kTextConfig = "text_config";

bool reads(const ConfigTable& table, std::string_view key) {
  return find_field(table, key) != nullptr ||
         std::any_of(table.steps.begin(), table.steps.end(),
                     [&](const Step& step) { return step.object == key; });
}

const ConfigTable* nested_table(const ConfigTable& table, std::string_view field) {
  for (const Step& step : table.steps)
    if (step.verb == Verb::kNested && step.field == field) return step.nested;
  return nullptr;
}

bool lacks(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value == nullptr || value->is_null();
}

const Json* object_at(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value != nullptr && value->is_object() ? value : nullptr;
}

bool is_scaled(const Json& parameters) {
  const Json* type = parameters.find("rope_type");
  return type != nullptr && !type->is_null() && !(*type == Json("default"));
}

// Where layers differ there is one object for each kind of layer; rope_theta means the layers with
// full attention, rope_local_base_freq those with a sliding window.
struct RopeParameters {
  const Json* main = nullptr;
  const Json* local = nullptr;
};

RopeParameters split(const Json& parameters) {
  const Json* full = object_at(parameters, "full_attention");
  const Json* sliding = object_at(parameters, "sliding_attention");
  if (full == nullptr && sliding == nullptr) return {&parameters, nullptr};
  return {full, sliding};
}

std::vector<std::string> required_fields(const ConfigTable& table) {
  std::vector<std::string> names;
  for (const Field& field : table.fields)
    if (field.otherwise.empty()) names.emplace_back(field.name);
  return names;
}

class Renewer {
 public:
  Renewer(const std::string& path, std::vector<std::string>& warnings)
      : path_(path), warnings_(warnings) {}

  void copy(const Json& from, std::string_view key, std::string_view to) {
    const Json* value = from.find(key);
    if (value == nullptr || value->is_null() || !lacks(result_, to)) return;
    result_.set(std::string(to), *value);
    added_.push_back(fmt::format("{} {}", to, printable(dump_json(*value), 60)));
  }

  // phi3's table asks for `type`, the older name of rope_type, and for the context that was trained
  // beside the object.
  void scaling(const Json& parameters) {
    if (!is_scaled(parameters) || !lacks(result_, "rope_scaling")) return;
    Json older = Json::object();
    check_member_count(parameters, path_);
    for (const Json::Member& member : parameters.members(path_))
      if (member.first != "rope_theta" && member.first != "partial_rotary_factor")
        older.set(member.first, member.second);
    const Json& type = *parameters.find("rope_type");
    if (type == Json("longrope")) older.set("type", type);
    result_.set("rope_scaling", std::move(older));
    added_.push_back(fmt::format("rope_scaling of type {}", printable(dump_json(type), 60)));
    copy(parameters, "original_max_position_embeddings", "original_max_position_embeddings");
  }

  Json run(const ConfigTable& table, const Json& source) {
    result_ = source;
    const Json* parameters = object_at(source, kRopeParameters);
    if (parameters == nullptr || reads(table, kRopeParameters)) return std::move(result_);
    RopeParameters parts = split(*parameters);
    if (parts.main != nullptr) {
      copy(*parts.main, "rope_theta", "rope_theta");
      copy(*parts.main, "partial_rotary_factor", "partial_rotary_factor");
      scaling(*parts.main);
    }
    if (parts.local != nullptr) copy(*parts.local, "rope_theta", "rope_local_base_freq");
    if (!added_.empty())
      warnings_.push_back(fmt::format(
          "{}: rope_parameters gives {}; mlc_llm does not read it for models of this type and goes "
          "on with its defaults",
          path_, fmt::join(added_, ", ")));
    return std::move(result_);
  }

 private:
  const std::string& path_;
  std::vector<std::string>& warnings_;
  Json result_;
  std::vector<std::string> added_;
};

}  // namespace

Json with_older_keys(const ConfigTable& table, const Json& source, const std::string& path,
                     std::vector<std::string>& warnings) {
  const Json* text = object_at(source, kTextConfig);
  if (const ConfigTable* nested = nested_table(table, kTextConfig)) {
    // gemma3 alone reads itself as its text config where there is none.
    if (text == nullptr) return Renewer(path, warnings).run(*nested, source);
    if (object_at(*text, kRopeParameters) == nullptr) return source;
    Json result = source;
    std::string where = fmt::format("{}: {}", path, kTextConfig);
    result.set(std::string(kTextConfig), Renewer(where, warnings).run(*nested, *text));
    return result;
  }
  if (text != nullptr && table.flatten.empty() && !reads(table, kTextConfig)) {
    std::vector<std::string> required = required_fields(table);
    auto only_inside = [&](const std::string& name) {
      return lacks(source, name) && !lacks(*text, name);
    };
    if (std::any_of(required.begin(), required.end(), only_inside)) {
      warnings.push_back(fmt::format(
          "{}: the model's numbers are read from text_config, where mlc_llm does not look", path));
      ConfigTable flat = {.flatten = kTextConfig, .top_wins = {"model_type"}};
      return Renewer(path, warnings).run(table, flattened(flat, source, path));
    }
  }
  if (object_at(source, kRopeParameters) == nullptr) return source;
  return Renewer(path, warnings).run(table, source);
}

}  // namespace mlc
