#include "models/model_config.h"

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/spelling.h"
#include "models/derive.h"
#include "models/newer_config.h"
#include "models/registry.h"

namespace mlc {

namespace {

// Real ones have 1 to 30 KB.
constexpr JsonLimits kConfigLimits = {.max_bytes = std::size_t{16} << 20,
                                      .max_depth = 64,
                                      .max_string = std::size_t{16} << 20,
                                      .max_values = std::size_t{1} << 20};

const std::string& detect_model_type(const Json& source, const std::string& path) {
  if (const Json* type = source.find("model_type")) return type->as_string(path + ": model_type");
  if (const Json* inner = source.find("model_config"))
    if (const Json* type = inner->find("model_type"))
      return type->as_string(path + ": model_config.model_type");
  bad_input("{}: model_type is missing; give it with --model-type, one of {}", path,
            fmt::join(known_model_types(), ", "));
}

// A text config inside may be a type of its own that also reads files around it. Only mlc_llm's
// types count, since the outer name is the better one where neither has a library.
const Architecture* inner_architecture(const Architecture& outer, const Json& source) {
  if (outer.in_mlc_llm || outer.config.flatten.empty()) return &outer;
  const Json* inner = source.find(outer.config.flatten);
  const Json* type = inner == nullptr || !inner->is_object() ? nullptr : inner->find("model_type");
  if (type == nullptr || !type->is_string()) return &outer;
  const Architecture* found = find_architecture(type->as_string("model_type"));
  bool reads_outer = found != nullptr && found->in_mlc_llm && !found->config.flatten.empty();
  return reads_outer ? found : &outer;
}

// By model_type, or where the registry has none of that name, by the class of the model.
const Architecture* detect_architecture(const Json& source, std::string_view model_type) {
  if (const Architecture* named = find_architecture(model_type))
    return inner_architecture(*named, source);
  const Json* classes = source.find("architectures");
  if (classes == nullptr || !classes->is_array()) return nullptr;
  for (const Json& one : classes->items("architectures"))
    if (one.is_string())
      if (const Architecture* found = find_architecture_of_class(one.as_string("architectures")))
        return found;
  return nullptr;
}

[[noreturn]] void unknown_model_type(std::string_view name, const std::string& path) {
  std::vector<std::string> known = known_model_types();
  std::vector<std::string> nearest = nearest_names(name, known, 3);
  bad_input("{}: model_type \"{}\" is unknown{}; known are {}", path, printable(name),
            nearest.empty() ? "" : fmt::format(", did you mean {}?", fmt::join(nearest, ", ")),
            fmt::join(known, ", "));
}

}  // namespace

const Json* ConfigScope::find(std::string_view name) const {
  return name == "config" ? &source_ : fields_.find(name);
}

ModelConfig read_model_config(Json source, const std::string& path, std::string_view model_type) {
  if (!source.is_object()) bad_input("{}: expected an object as the root", path);
  bool detect = model_type == "auto";
  if (detect) model_type = detect_model_type(source, path);
  const Architecture* architecture =
      detect ? detect_architecture(source, model_type) : find_architecture(model_type);
  if (architecture == nullptr) unknown_model_type(model_type, path);
  std::vector<std::string> warnings;
  Json older = with_older_keys(architecture->config, source, path, warnings);
  DerivedFields derived =
      derive_fields(architecture->config, older, path, architecture->model_type);
  warnings.insert(warnings.end(), derived.warnings.begin(), derived.warnings.end());
  return {architecture, path, std::move(source), std::move(derived.fields), std::move(warnings)};
}

ModelConfig load_model_config(const std::string& path_or_folder, std::string_view model_type) {
  std::filesystem::path path = path_or_folder;
  std::error_code ignored;  // whatever is wrong with the path, reading it says so
  if (std::filesystem::is_directory(path, ignored)) path /= "config.json";
  return read_model_config(read_json_file(path.string(), kConfigLimits), path.string(), model_type);
}

}  // namespace mlc
