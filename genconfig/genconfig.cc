#include "genconfig/genconfig.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "base/spelling.h"
#include "genconfig/chat_config.h"
#include "genconfig/chat_template.h"
#include "genconfig/choose_template.h"
#include "genconfig/stop_tokens.h"
#include "models/models.h"
#include "models/presets.h"
#include "quantize/quantization.h"

namespace fs = std::filesystem;

namespace mlc {
namespace {

// Where a config comes from.
struct Origin {
  ModelConfig model;
  std::string name;    // what the model is called, as far as that is known
  std::string folder;  // of the checkpoint; empty: there is none
  // What says how to sample, and which tokens begin and end a text; the first that has a key wins.
  std::vector<GenerationSource> generation = {};
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

// generation_config.json first, then config.json, both from the checkpoint's folder.
std::vector<GenerationSource> generation_sources(const ModelConfig& model,
                                                 const std::string& folder) {
  std::vector<GenerationSource> sources;
  for (const char* name : {"generation_config.json", "config.json"}) {
    std::string path = (fs::path(folder) / name).string();
    std::error_code ignored;
    if (fs::path(path).lexically_normal() == fs::path(model.path).lexically_normal())
      sources.push_back({path, model.source});
    else if (fs::exists(fs::symlink_status(path, ignored)))
      sources.push_back({path, read_json_file(path)});
    else
      continue;
    sources.back().json.members(path);  // an object, or an error
  }
  return sources;
}

// mlc_llm looks for the files beside a preset in a temporary folder, so that neither the preset nor
// anything else says how to sample.
Origin from_preset(const Preset& preset, const GenConfigOptions& options) {
  std::string where = fmt::format("preset {}", preset.name);
  Json json = parse_json(preset.text, where);
  json.set("model_preset_tag", preset.name);  // mlc_llm's, which gemma3 passes on
  return {read_model_config(std::move(json), where, options.model_type), std::string(preset.name),
          ""};
}

Origin from_path(const GenConfigOptions& options) {
  Origin origin{load_model_config(options.config, options.model_type), "", ""};
  origin.name = text_of(origin.model.source, "_name_or_path");
  fs::path parent = fs::path(origin.model.path).parent_path();
  origin.folder = parent.empty() ? fs::path(".").string() : parent.string();
  origin.generation = generation_sources(origin.model, origin.folder);
  return origin;
}

// A preset's name counts before a path of the same name, as in mlc_llm.
Origin find_config(const GenConfigOptions& options, Reporter& reporter) {
  std::error_code ignored;
  bool is_path = !options.config.empty() && fs::exists(fs::symlink_status(options.config, ignored));
  const Preset* preset = find_preset(options.config);
  if (preset != nullptr && is_path)
    reporter.warn(
        fmt::format("{} is a preset and also a path: the preset is used; ./{} means the "
                    "path",
                    preset->name, preset->name));
  if (preset != nullptr) return from_preset(*preset, options);
  if (!is_path) neither_path_nor_preset(options.config);
  return from_path(options);
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

  GeneratedConfig run(const Origin& origin) {
    const Quantization& quantization = known_quantization(options_.quantization);
    std::vector<std::string> warnings;
    ModelConfig model = apply_overrides(origin.model, options_.overrides, warnings);
    // What no tensor could have is wrong here too, rather than when a runtime loads the model.
    // Whether it can be quantized so is convert_weight's to say.
    expand_params(model, name_of(QuantKind::kNone));
    warn(model, warnings);

    GeneratedConfig out;
    out.tokenizer =
        find_tokenizer_files({.folder = origin.folder,
                              .model_type = std::string(model.model_type()),
                              .context_window_size = size_field(model, "context_window_size"),
                              .out = options_.output},
                             reporter_);
    SpecialTokens special = read_special_tokens(origin.folder);
    special.ids.insert(special.ids.end(), out.tokenizer.added_tokens.begin(),
                       out.tokenizer.added_tokens.end());
    throw_if_cancelled();

    std::optional<ChatTemplateSource> chat_template;
    if (!origin.folder.empty()) chat_template = find_chat_template(origin.folder);
    TemplateChoice choice =
        options_.conv_template != "auto"
            ? named_template(options_.conv_template)
            : choose_conv_template({.model = model,
                                    .name = origin.name,
                                    .chat_template = chat_template ? &*chat_template : nullptr,
                                    .special = special,
                                    .eos_ids = eos_ids(origin.generation)});
    out.conv_template = choice.row->name;
    out.template_rule = choice.rule;
    reporter_.note(fmt::format("conversation template {}, chosen by {}", out.conv_template,
                               out.template_rule));
    StopTokens stops =
        find_stop_tokens(*choice.row, origin.generation, special, size_field(model, "vocab_size"));
    out.stop_token_ids = stops.all;
    // The first findings are those about beyond_template, in its order.
    for (std::size_t i = 0; i < stops.findings.size(); i++)
      if (options_.all_stop_tokens && i < stops.beyond_template.size())
        reporter_.note(stops.findings[i] + "; it is added to them");
      else
        add_finding(out, "stop-tokens-differ", std::move(stops.findings[i]));
    if (chat_template) check_template(out, *chat_template, *choice.row);
    if (options_.strict) refuse_findings(out);

    chat_config(out, model, quantization, *choice.row, origin.generation, stops);
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
    if (!options_.strict) reporter_.warn(text);
    out.findings.push_back({std::move(name), std::move(text)});
  }

  // One error with all of them, so that each can be seen to at once.
  static void refuse_findings(const GeneratedConfig& out) {
    std::string all;
    for (const ConfigFinding& finding : out.findings)
      all += (all.empty() ? "" : "\n") + finding.text;
    if (!all.empty()) bad_input("{}", all);
  }

  void check_template(GeneratedConfig& out, const ChatTemplateSource& theirs,
                      const ConvTemplate& row) {
    TemplateFinding found = check_chat_template(theirs, row);
    std::string text = found.summary + (found.detail.empty() ? "" : "\n") + found.detail;
    if (found.is_warning())
      add_finding(out,
                  found.kind == TemplateFinding::Kind::kDifferent ? "chat-template-differs"
                                                                  : "chat-template-unchecked",
                  std::move(text));
    else if (found.kind == TemplateFinding::Kind::kHarmless)
      reporter_.note(text);
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
  return Generator(options, reporter).run(find_config(options, reporter));
}

GeneratedConfig generate_config_of(Json config, const std::string& where,
                                   const GenConfigOptions& options, Reporter& reporter) {
  Origin origin{read_model_config(std::move(config), where, options.model_type), "", ""};
  origin.name = text_of(origin.model.source, "_name_or_path");
  origin.generation.push_back({where, origin.model.source});
  return Generator(options, reporter).run(origin);
}

}  // namespace mlc
