#include "models/model_config.h"

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/spelling.h"
#include "models/derive.h"
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
  if (model_type == "auto") model_type = detect_model_type(source, path);
  const Architecture* architecture = find_architecture(model_type);
  if (architecture == nullptr) unknown_model_type(model_type, path);
  DerivedFields derived =
      derive_fields(architecture->config, source, path, architecture->model_type);
  return {architecture, path, std::move(source), std::move(derived.fields),
          std::move(derived.warnings)};
}

ModelConfig load_model_config(const std::string& path_or_folder, std::string_view model_type) {
  std::filesystem::path path = path_or_folder;
  std::error_code ignored;  // whatever is wrong with the path, reading it says so
  if (std::filesystem::is_directory(path, ignored)) path /= "config.json";
  return read_model_config(read_json_file(path.string(), kConfigLimits), path.string(), model_type);
}

}  // namespace mlc
