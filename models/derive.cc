#include "models/derive.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "models/model_config.h"

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
  }
  return "";
}

class Deriver {
 public:
  Deriver(const ConfigTable& table, const Json& object, const std::string& path,
          std::string_view model_type)
      : table_(table), path_(path), model_type_(model_type), source_(object) {}

  DerivedFields run() {
    read_fields();
    for (const Step& step : table_.steps)
      take_step(step);
    return {std::move(fields_), std::move(warnings_)};
  }

 private:
  std::string where(std::string_view key) const { return fmt::format("{}: {}", path_, key); }

  void check_type(const Field& field, const Json& value, std::string_view key) const {
    if (value.is_null() && !field.otherwise.empty()) return;
    bool fits = false;
    switch (field.type) {
      case FieldType::kInt:
        value.as_int(where(key));  // its message says more: "1e9" is not a plain integer
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
    }
    if (!fits)
      bad_input("{}: {} must be {}, found {}", path_, key, name_of(field.type),
                value.is_object() || value.is_array() ? "a list or an object"
                                                      : printable(dump_json(value), 60));
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
  const Json* take_unused(std::string_view key) {
    auto found = std::find_if(unused_.begin(), unused_.end(),
                              [&](const Json::Member* member) { return member->first == key; });
    if (found == unused_.end()) return nullptr;
    const Json* value = &(*found)->second;
    unused_.erase(found);
    return value;
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
      if (const Json* value = take_unused(key)) {
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

  // MLC's Llama runtime has the llama3 rule and none. mlc_llm drops an object without rope_type
  // (older files say "type"), so such a model loses its scaling: worth a warning. "default" is
  // transformers' word for none; mlc_llm refuses it.
  void rope_scaling() {
    const Json& value = field("rope_scaling");
    if (value.is_null()) return;
    const Json* type = value.find("rope_type");
    if (type == nullptr) {
      warnings_.push_back(
          fmt::format("{}: rope_scaling has no rope_type, so mlc_llm ignores it: the runtime will "
                      "use unscaled positions",
                      path_));
      put("rope_scaling", {});
      return;
    }
    const std::string& name = type->as_string(where("rope_scaling.rope_type"));
    if (name == "default") {
      put("rope_scaling", {});
    } else if (name != "llama3") {
      fail(ExitCode::kUnsupported,
           "{}: rope_scaling.rope_type is \"{}\", but MLC runtimes know only \"llama3\" for models "
           "of type {}",
           path_, printable(name), model_type_);
    }
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
        rope_scaling();
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
  return Deriver(table, object, path, model_type).run();
}

}  // namespace mlc
