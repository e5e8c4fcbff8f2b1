#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/tensor_cache.h"
#include "runtime-min/engine/engine.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const Quantization& quantization_named(std::string_view name, const std::string& where) {
  const Quantization* quantization = find_quantization(name);
  if (quantization == nullptr)
    fail(ExitCode::kUnsupported, "{}: the quantization {} is unknown", printable(where),
         printable(name, 60));
  if (quantization->kind != QuantKind::kNone && quantization->kind != QuantKind::kGroup)
    fail(ExitCode::kUnsupported,
         "{}: the engine does not run {} ({}); it runs params that are not quantized, and groups",
         printable(where), name, name_of(quantization->kind));
  return *quantization;
}

std::int64_t positive_int(const Json* value) {
  return value != nullptr && value->is_int() ? value->as_int("context_window_size") : 0;
}

// What the checkpoint's own config says beyond the fields that mlc_llm knows.
Json with_config(Json fields, const Json& config) {
  for (const Json::Member& member : config.members("config.json"))
    if (fields.find(member.first) == nullptr) fields.set(member.first, member.second);
  return fields;
}

}  // namespace

LoadedModel load_model(const std::string& folder, const std::string& config) {
  std::string path = folder + "/mlc-chat-config.json";
  if (!fs::exists(path))
    bad_input(
        "{}: no mlc-chat-config.json; expected a folder that convert_weight and gen_config "
        "wrote",
        printable(folder));
  Json chat = read_json_file(path);
  auto text = [&](const char* name) -> const std::string& {
    const Json* value = chat.find(name);
    if (value == nullptr) bad_input("{}: {} is missing", printable(path), name);
    return value->as_string(path + ": " + name);
  };
  const Json* fields = chat.find("model_config");
  if (fields == nullptr || !fields->is_object())
    bad_input("{}: model_config is missing", printable(path));
  Json source = *fields;
  std::string own = config.empty() ? folder + "/config.json" : config;
  if (!config.empty() || fs::exists(own))
    source = with_config(std::move(source), read_json_file(own));
  LoadedModel model;
  const std::string& name = text("quantization");
  model.quantization = &quantization_named(name, path);
  model.config = read_model_config(std::move(source), path, text("model_type"));
  model.folder = folder;
  model.context = positive_int(chat.find("context_window_size"));
  if (model.context <= 0)
    model.context = positive_int(model.config.fields.find("context_window_size"));
  return model;
}

LoadedModel synthetic_model(std::string_view config, const std::string& name,
                            std::string_view quantization) {
  LoadedModel model;
  model.quantization = &quantization_named(quantization, name);
  model.config = read_model_config(parse_json(config, name), name, "auto");
  model.context = positive_int(model.config.fields.find("context_window_size"));
  return model;
}

}  // namespace mlc
