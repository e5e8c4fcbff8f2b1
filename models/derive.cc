#include "models/derive.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "models/config_input.h"
#include "models/model_config.h"
#include "models/special_configs.h"

namespace mlc {

namespace {

constexpr std::int64_t kMaxListLength = 4096;  // more than any model has layers

class Deriver {
 public:
  Deriver(const ConfigTable& table, const Json& object, const std::string& path,
          std::string_view model_type)
      : table_(table), path_(path), model_type_(model_type), source_(object) {}

  DerivedFields run() {
    check_member_count(source_, path_);
    read_fields();
    for (const Step& step : table_.steps) {
      ConfigScope scope(fields_, source_);
      if (!step.condition.empty() && !evaluate_bool(step.condition, scope, path_)) continue;
      if (step.verb == Verb::kStopUnless && !evaluate_bool(step.expression, scope, path_)) break;
      take_step(step);
    }
    return {std::move(fields_), rest(), std::move(warnings_)};
  }

 private:
  std::string where(std::string_view key) const { return fmt::format("{}: {}", path_, key); }

  void check_type(const Field& field, const Json& value, std::string_view key) const {
    check_field_type(field, value, where(key));
  }

  void read_fields() {
    fields_ = Json::object();
    std::vector<std::string> missing;
    ConfigScope scope(fields_, source_);
    for (const Field& field : table_.fields) {
      if (const Json* value = source_.find(field.name)) {
        check_type(field, *value, field.name);
        fields_.set(std::string(field.name), *value);
      } else if (field.otherwise.empty()) {
        missing.emplace_back(field.name);
      } else {
        fields_.set(std::string(field.name),
                    evaluate_json(field.otherwise, scope, where(field.name)));
      }
    }
    if (!missing.empty())
      bad_input("{}: {} missing; a model of type {} needs {}", path_,
                fmt::format("{} {}", fmt::join(missing, ", "), missing.size() == 1 ? "is" : "are"),
                model_type_, missing.size() == 1 ? "it" : "them");
    for (const Json::Member& member : source_.members(path_))
      if (find_field(table_, member.first) == nullptr) unused_.push_back(&member);
  }

  // A key of the file that is no field and that no step has taken yet; taking uses it up.
  const Json* take_unused(std::string_view key, bool keep = false) {
    auto found = std::find_if(unused_.begin(), unused_.end(),
                              [&](const Json::Member* member) { return member->first == key; });
    if (found == unused_.end()) return nullptr;
    const Json* value = &(*found)->second;
    if (!keep) unused_.erase(found);
    return value;
  }

  Json rest() const {
    Json object = Json::object();
    for (const Json::Member* member : unused_)
      object.set(member->first, member->second);
    return object;
  }

  const Json& field(std::string_view name) const {
    const Json* value = fields_.find(name);
    if (value == nullptr) fail(ExitCode::kBug, "{}: a step uses no field of the table", name);
    return *value;
  }

  static bool is_zero(const Json& value) {
    return value.is_number() && value.as_double("field") == 0;
  }

  bool matches(const Step& step) const {
    const Json& value = field(step.field);
    switch (step.when) {
      case When::kUnset:
        return value.is_null() || is_zero(value);
      case When::kNull:
        return value.is_null();
      case When::kNullOrMinus1:
        return value.is_null() || (value.is_int() && value.as_int(where(step.field)) == -1);
      case When::kNullOrEmpty:
        return value.is_null() || (value.is_array() && value.items(where(step.field)).empty());
      case When::kAlways:
        return true;
    }
    return false;
  }

  std::int64_t integer(const char* name) const {
    return evaluate_int(name, ConfigScope(fields_, source_), where(name));
  }

  void put(std::string_view name, Json value) { fields_.set(std::string(name), std::move(value)); }

  void put(const Step& step) {
    put(step.field,
        evaluate_json(step.expression, ConfigScope(fields_, source_), where(step.field)));
  }

  void take(const Step& step, std::string_view name) {
    for (std::string_view key : step.keys) {
      if (key.empty()) continue;
      if (const Json* value = take_unused(key, step.keep)) {
        check_type(*find_field(table_, name), *value, key);
        put(name, *value);
        return;
      }
    }
    if (!step.expression.empty()) {
      put(step);
      return;
    }
    bool two = !step.keys[1].empty();
    bad_input("{}: {}{}{} is missing; {} can't be determined without it", path_, step.keys[0],
              two ? " or " : "", step.keys[1], name);
  }

  void check(const Step& step) const {
    ConfigScope scope(fields_, source_);
    if (evaluate_bool(step.expression, scope, path_)) return;
    bad_input("{}: {} must hold for a model of type {}, but {}", path_, step.expression.text,
              model_type_, describe_names(step.expression, scope));
  }

  void prefill(const Step& step) {
    std::int64_t chunk = integer("prefill_chunk_size");
    std::int64_t context = integer("context_window_size");
    if (step.verb == Verb::kPrefillUncapped) {
      put("prefill_chunk_size", std::min(chunk == 0 ? context : chunk, context));
      return;
    }
    std::int64_t cap =
        evaluate_int(step.expression, ConfigScope(fields_, source_), where("prefill_chunk_size"));
    if (step.verb == Verb::kPrefillSliding) {
      if (chunk != 0) return;
      std::int64_t window = integer("sliding_window_size");
      if (window != -1) cap = std::min(cap, window);
      if (context != -1) cap = std::min(cap, context);
      put("prefill_chunk_size", cap);
    } else if (chunk == 0 || chunk > context) {
      put("prefill_chunk_size", std::min(context, cap));
    }
  }

  void list(const Step& step) {
    ConfigScope scope(fields_, source_);
    std::int64_t count = evaluate_int(step.count, scope, where(step.field));
    if (count < 0 || count > kMaxListLength)
      bad_input("{}: {} is {}, expected 0 to {}", path_, step.count.text, count, kMaxListLength);
    Json values = Json::array();
    for (std::int64_t i = 0; i < count; i++) {
      Scope turn(scope, "i", i);
      if (step.filter.empty() || evaluate_bool(step.filter, turn, where(step.field)))
        values.push(evaluate_json(step.expression, turn, where(step.field)));
    }
    put(step.field, std::move(values));
  }

  void member(const Step& step) {
    bool is_field = find_field(table_, step.object) != nullptr;
    const Json* object = is_field ? &field(step.object) : take_unused(step.object, true);
    if (object == nullptr) return;
    for (std::string_view key : step.keys) {
      const Json* value = key.empty() ? nullptr : object->find(key);
      if (value == nullptr) continue;
      check_type(*find_field(table_, step.field), *value, key);
      put(step.field, *value);
      if (!is_field) return;
      Json others = Json::object();
      for (const Json::Member& one : object->members(where(step.object)))
        if (one.first != key) others.set(one.first, one.second);
      put(step.object, std::move(others));
      return;
    }
  }

  void merge(const Step& step) {
    Json object = field(step.field);
    const Json* name = object.find(step.keys[0]);
    if (name == nullptr || !name->is_string()) return;
    for (const NamedText& named : step.named) {
      if (named.name != name->as_string(where(step.field))) continue;
      Json other = parse_json(named.text, std::string(named.name));
      for (const Json::Member& member : other.members(named.name))
        object.set(member.first, member.second);
      put(step.field, std::move(object));
      return;
    }
  }

  void nested(const Step& step) {
    const Json& value = field(step.field);
    if (value.is_null()) return;
    // What an earlier reading did not know lies in kwargs, and is known again.
    check_member_count(value, where(step.field));
    Json object = Json::object();
    for (const Json::Member& member : value.members(where(step.field)))
      if (member.first != "kwargs") object.set(member.first, member.second);
    if (const Json* others = value.find("kwargs")) {
      check_member_count(*others, where(step.field));
      for (const Json::Member& member : others->members(where("kwargs")))
        object.set(member.first, member.second);
    }
    DerivedFields inner = derive_fields(*step.nested, object, where(step.field), model_type_);
    inner.fields.set("kwargs", std::move(inner.rest));
    put(step.field, std::move(inner.fields));
    warnings_.insert(warnings_.end(), inner.warnings.begin(), inner.warnings.end());
  }

  void rope_scaling(Json (*known)(const Json&, const RopeContext&)) {
    if (field("rope_scaling").is_null()) return;
    put("rope_scaling", known(field("rope_scaling"), {fields_, path_, model_type_, warnings_}));
  }

  void fp8_blocks(const Step& step) {
    const Json* config = take_unused("quantization_config", true);
    if (config == nullptr || config->is_null()) return;
    std::optional<Fp8Blocks> blocks = read_fp8_blocks(*config, where("quantization_config"));
    if (!blocks) return;
    if (!blocks->size.is_null())
      put("weight_block_size", std::move(blocks->size));
    else if (!step.expression.empty())
      put("weight_block_size",
          evaluate_json(step.expression, ConfigScope(fields_, source_), path_));
    if (find_field(table_, "modules_to_not_convert") != nullptr)
      put("modules_to_not_convert", std::move(blocks->excluded));
  }

  void take_step(const Step& step) {
    switch (step.verb) {
      case Verb::kTake:
        if (matches(step)) take(step, step.field);
        break;
      case Verb::kSet:
        if (matches(step)) put(step);
        break;
      case Verb::kAssert:
        check(step);
        break;
      case Verb::kPrefill:
      case Verb::kPrefillUncapped:
      case Verb::kPrefillSliding:
        prefill(step);
        break;
      case Verb::kContextUnlessSliding:
        if (integer("context_window_size") != 0) break;
        if (integer("sliding_window_size") != -1)
          put("context_window_size", -1);
        else
          take(step, "context_window_size");
        break;
      case Verb::kRopeScalingLlama3:
        rope_scaling(&known_llama3_scaling);
        break;
      case Verb::kRopeScalingLongrope:
        rope_scaling(&known_longrope_scaling);
        break;
      case Verb::kStopUnless:
        break;
      case Verb::kList:
        if (matches(step)) list(step);
        break;
      case Verb::kMember:
        if (matches(step)) member(step);
        break;
      case Verb::kRest:
        if (matches(step)) put(step.field, rest());
        break;
      case Verb::kMerge:
        merge(step);
        break;
      case Verb::kNested:
        nested(step);
        break;
      case Verb::kEmpty:
        put(step.field, Json::object());
        break;
      case Verb::kFp8Blocks:
        fp8_blocks(step);
        break;
    }
  }

  const ConfigTable& table_;
  const std::string& path_;
  std::string_view model_type_;
  const Json& source_;
  Json fields_;
  std::vector<const Json::Member*> unused_;
  std::vector<std::string> warnings_;
};

}  // namespace

DerivedFields derive_fields(const ConfigTable& table, const Json& object, const std::string& path,
                            std::string_view model_type) {
  const Json* inner = table.flatten.empty() ? nullptr : object.find(table.flatten);
  if (inner == nullptr || inner->is_null()) return Deriver(table, object, path, model_type).run();
  Json flat = flattened(table, object, path);
  return Deriver(table, flat, path, model_type).run();
}

}  // namespace mlc
