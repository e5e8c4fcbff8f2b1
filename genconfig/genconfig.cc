#include "genconfig/genconfig.h"

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/spelling.h"
#include "genconfig/chat_config.h"
#include "genconfig/choose_template.h"
#include "genconfig/presets.h"
#include "genconfig/stop_tokens.h"
#include "models/models.h"
#include "quantize/quantization.h"

namespace fs = std::filesystem;

namespace mlc {
namespace {

// Where a config comes from.
struct Origin {
  ModelConfig model;
  std::string name;    // what the model is called, as far as that is known
  std::string folder;  // of the checkpoint; empty for a preset
};

std::string text_of(const Json& json, const char* key) {
  const Json* value = json.find(key);
  return value != nullptr && value->is_string() ? value->as_string(key) : std::string();
}

[[noreturn]] void neither_path_nor_preset(const std::string& name) {
  std::vector<std::string> names;
  for (const Preset& preset : presets())
    names.emplace_back(preset.name);
  std::vector<std::string> nearest = nearest_names(name, names, 3);
  fail(ExitCode::kUsage, "{}: is no file, no folder and no preset{} (--list-presets shows all)",
       printable(name, 1024),
       nearest.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(nearest, ", ")));
}

// A preset's name counts before a path of the same name, as in mlc_llm.
Origin find_config(const GenConfigOptions& options, Reporter& reporter) {
  std::error_code ignored;
  fs::path path = options.config;
  if (const Preset* preset = find_preset(options.config)) {
    if (fs::exists(path, ignored))
      reporter.warn(
          fmt::format("{}: is a preset and also a path; the preset is used (say ./{} for "
                      "the path)",
                      preset->name, preset->name));
    std::string where = fmt::format("preset {}", preset->name);
    Json json = parse_json(preset->text, where);
    json.set("model_preset_tag", preset->name);
    return {read_model_config(std::move(json), where, options.model_type), options.config, ""};
  }
  if (options.config.empty() || !fs::exists(fs::symlink_status(path, ignored)))
    neither_path_nor_preset(options.config);
  Origin origin{load_model_config(options.config, options.model_type), "", ""};
  origin.name = text_of(origin.model.source, "_name_or_path");
  fs::path parent = fs::path(origin.model.path).parent_path();
  origin.folder = parent.empty() ? fs::path(".").string() : parent.string();
  return origin;
}

// generation_config.json first, then config.json, both from the checkpoint's folder. mlc_llm reads
// neither for a preset.
std::vector<GenerationSource> generation_sources(const Origin& origin) {
  std::vector<GenerationSource> sources;
  if (origin.folder.empty()) return sources;
  for (const char* name : {"generation_config.json", "config.json"}) {
    std::string path = (fs::path(origin.folder) / name).string();
    std::error_code ignored;
    if (path == origin.model.path)
      sources.push_back({path, origin.model.source});
    else if (fs::exists(path, ignored))
      sources.push_back({path, read_json_file(path)});
    else
      continue;
    sources.back().json.members(path);  // an object, or an error
  }
  return sources;
}

std::int64_t size_field(const ModelConfig& model, const char* name) {
  const Json* value = model.fields.find(name);
  return value == nullptr || value->is_null()
             ? 0
             : value->as_int(fmt::format("{}: {}", model.path, name));
}

const Quantization& known_quantization(const std::string& name) {
  if (const Quantization* found = find_quantization(name)) return *found;
  std::vector<std::string> names;
  for (const Quantization& one : quantizations())
    names.emplace_back(one.name);
  fail(ExitCode::kUsage, "--quantization: {} is unknown (known are {})", printable(name),
       fmt::join(names, ", "));
}

TemplateChoice named_template(const std::string& name) {
  if (const ConvTemplate* row = find_conv_template(name)) return {row, "--conv-template"};
  std::vector<std::string> names;
  for (const ConvTemplate& row : conv_templates())
    names.emplace_back(row.name);
  std::vector<std::string> nearest = nearest_names(name, names, 3);
  fail(ExitCode::kUsage,
       "--conv-template: {} is no registered conversation template{} "
       "(--list-templates shows all)",
       printable(name),
       nearest.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(nearest, ", ")));
}

class Generator {
 public:
  Generator(const GenConfigOptions& options, Reporter& reporter)
      : options_(options), reporter_(reporter) {}

  GeneratedConfig run() {
    const Quantization& quantization = known_quantization(options_.quantization);
    Origin origin = find_config(options_, reporter_);
    std::vector<std::string> warnings;
    ModelConfig model = apply_overrides(origin.model, options_.overrides, warnings);
    // What no tensor could have is wrong here too, rather than when a runtime loads the model.
    expand_params(model, name_of(quantization.kind));
    warn(model, warnings);

    std::vector<GenerationSource> generation = generation_sources(origin);
    SpecialTokens special = read_special_tokens(origin.folder);
    std::string chat_template;
    TemplateChoice choice = options_.conv_template != "auto"
                                ? named_template(options_.conv_template)
                                : choose_conv_template({model, origin.name, chat_template, special,
                                                        eos_ids(generation)});
    reporter_.note(
        fmt::format("conversation template {}, chosen by {}", choice.row->name, choice.rule));

    GeneratedConfig out;
    out.conv_template = choice.row->name;
    out.template_rule = choice.rule;
    StopTokens stops =
        find_stop_tokens(*choice.row, generation, special, size_field(model, "vocab_size"));
    out.stop_token_ids = stops.all;
    for (std::string& text : stops.findings)
      add_finding(out, "stop-tokens-differ", std::move(text));

    chat_config(out, model, quantization, *choice.row, generation, stops);
    return out;
  }

 private:
  void warn(const ModelConfig& model, const std::vector<std::string>& more) {
    for (const std::string& text : model.warnings)
      reporter_.warn(text);
    for (const std::string& text : more)
      reporter_.warn(text);
    if (!model.architecture->in_mlc_llm)
      reporter_.warn(
          fmt::format("no MLC runtime has a model library for models of type {} yet: model_config "
                      "holds the fields by which mlc names their params",
                      model.model_type()));
  }

  void add_finding(GeneratedConfig& out, std::string name, std::string text) {
    reporter_.warn(text);
    out.findings.push_back({std::move(name), std::move(text)});
  }

  void chat_config(GeneratedConfig& out, const ModelConfig& model, const Quantization& quantization,
                   const ConvTemplate& row, const std::vector<GenerationSource>& generation,
                   const StopTokens& stops) {
    std::span<const std::int64_t> more;
    if (options_.all_stop_tokens) more = stops.beyond_template;
    out.config = chat_config_json({.model = model,
                                   .quantization = quantization.name,
                                   .tokenizer = out.tokenizer,
                                   .conv_template = row,
                                   .generation = generation,
                                   .more_stop_tokens = more,
                                   .legacy = options_.legacy});
    out.text = chat_config_text(out.config);
  }

  const GenConfigOptions& options_;
  Reporter& reporter_;
};

}  // namespace

GeneratedConfig generate_config(const GenConfigOptions& options, Reporter& reporter) {
  return Generator(options, reporter).run();
}

}  // namespace mlc
