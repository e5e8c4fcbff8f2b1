#include "verify/params_config.h"

#include <filesystem>

#include "base/error.h"
#include "models/config_input.h"
#include "verify/params.h"
#include "verify/params_records.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kName = "mlc-chat-config.json";

const std::string& text_of(const Json& chat, const char* name) {
  const Json* value = chat.find(name);
  if (value == nullptr) bad_input("{} is missing", name);
  return value->as_string(name);
}

// What the engine takes beside the fields (runtime-min/engine/load_model.cc): config.json of the
// folder, here also that of the source.
Json own_config(const VerifyOptions& options) {
  std::error_code ignored;
  fs::path own = fs::path(options.model) / "config.json";
  if (fs::is_regular_file(own, ignored)) return read_json_file(own.string());
  fs::path source = fs::path(options.source) / "config.json";
  if (options.source.empty() || !fs::is_regular_file(source, ignored)) return {};
  try {
    return read_json_file(source.string());
  } catch (const Error&) {
    return {};  // the comparison with the source says so
  }
}

ChatConfig read(const VerifyOptions& options) {
  ChatConfig config;
  config.path = std::string(kName);
  config.json = read_json_file((fs::path(options.model) / kName).string());
  config.json.members(config.path);  // an object, or refused
  const Json* fields = config.json.find("model_config");
  if (fields == nullptr) bad_input("model_config is missing");
  fields->members("model_config");
  config.quantization = find_quantization(text_of(config.json, "quantization"));
  config.model = model_of_fields(*fields, own_config(options), config.path,
                                 text_of(config.json, "model_type"));
  return config;
}

}  // namespace

ModelConfig model_of_fields(Json fields, const Json& extra, const std::string& path,
                            const std::string& model_type) {
  // Setting one member after another takes the square of their number.
  check_member_count(fields, path);
  if (extra.is_object()) {
    check_member_count(extra, "config.json");
    for (const Json::Member& member : extra.members("config.json"))
      if (fields.find(member.first) == nullptr) fields.set(member.first, member.second);
  }
  return read_model_config(std::move(fields), path, model_type);
}

std::optional<ChatConfig> read_chat_config(const VerifyOptions& options,
                                           const std::optional<FolderIndex>& index,
                                           VerifyReport& report) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(fs::path(options.model) / kName, ignored))) {
    report.findings.add(rule_of(ParamRule::kNoConfig), options.model);
    return std::nullopt;
  }
  try {
    ChatConfig config = read(options);
    report.params->model_type = config.model.model_type();
    report.params->quantization = text_of(config.json, "quantization");
    if (config.quantization == nullptr) {
      std::vector<std::string> fit;
      if (index) fit = fitting_quantizations(config.model, index->cache);
      report.findings.add(rule_of(ParamRule::kUnknownQuantization), config.path + ": quantization",
                          report.params->quantization,
                          fit.empty() ? "" : fmt::format("{}", fmt::join(fit, " or ")));
    }
    return config;
  } catch (const Error& error) {
    report.findings.add(rule_of(ParamRule::kConfigDamaged), std::string(kName), error.what());
    return std::nullopt;
  }
}

}  // namespace mlc
