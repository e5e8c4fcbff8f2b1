#include "genconfig/command.h"

#include <memory>

#include <CLI/CLI.hpp>

#include "genconfig/genconfig.h"
#include "genconfig/lists.h"
#include "quantize/quantization.h"

namespace mlc {
namespace {

constexpr std::int64_t kMost = 2147483647;  // runtimes read sizes as 32-bit integers

struct Arguments {
  GenConfigOptions generate;
  std::string disaggregation;
  bool dry_run = false;
  bool list_templates = false;
  bool list_models = false;
  bool list_presets = false;
};

// One option for every size, with the values that a runtime can have; argparse's "int" takes any.
void add_size(CLI::App& app, const char* name, std::optional<std::int64_t>& value, const char* help,
              std::int64_t least, bool may_be_none = false) {
  auto check = [least, may_be_none](const std::string& text) -> std::string {
    std::int64_t number = 0;
    if (!CLI::detail::lexical_cast(text, number)) return fmt::format("{} is no integer", text);
    if ((number == -1 && may_be_none) || (number >= least && number <= kMost)) return "";
    return fmt::format("{} is not {} to {}{}", number, least, kMost,
                       may_be_none ? ", or -1 for none" : "");
  };
  app.add_option(name, value, help)->type_name("N")->check(check);
}

Json result_json(const GeneratedConfig& generated, const std::vector<std::string>& files) {
  Json names = Json::array();
  for (const std::string& name : files)
    names.push(name);
  Json stops = Json::array();
  for (std::int64_t id : generated.stop_token_ids)
    stops.push(id);
  Json findings = Json::array();
  for (const ConfigFinding& finding : generated.findings)
    findings.push(Json::object().set("name", finding.name).set("text", finding.text));
  return Json::object()
      .set("files", std::move(names))
      .set("conv_template", generated.conv_template)
      .set("template_rule", generated.template_rule)
      .set("stop_token_ids", std::move(stops))
      .set("findings", std::move(findings))
      .set("config", generated.config);
}

bool print_lists(const Arguments& arguments, const CommandContext& context) {
  auto print = [&](const char* key, const TextTable& table) {
    context.print_list(context.json ? dump_json(Json::object().set(key, table.json())) + "\n"
                                    : table.text());
    return true;
  };
  if (arguments.list_templates) return print("templates", conv_template_table());
  if (arguments.list_models) return print("models", chat_model_table());
  return arguments.list_presets && print("presets", preset_table());
}

// Python's bool(): any text but the empty one is true, "False" as well.
std::optional<bool> disaggregation(const Arguments& arguments, const CLI::Option& option,
                                   Reporter& reporter) {
  if (option.count() == 0) return std::nullopt;
  if (arguments.disaggregation == "False" || arguments.disaggregation == "false" ||
      arguments.disaggregation == "0" || arguments.disaggregation == "no")
    reporter.warn(
        fmt::format("--disaggregation {} means true, as in mlc_llm; leave the option out "
                    "for false",
                    arguments.disaggregation));
  return !arguments.disaggregation.empty();
}

ExitCode run(const Arguments& arguments, const CLI::Option& disaggregation_option,
             const CommandContext& context) {
  if (print_lists(arguments, context)) return ExitCode::kDone;
  GenConfigOptions options = arguments.generate;
  if (options.config.empty()) fail(ExitCode::kUsage, "gen_config: CONFIG is required");
  if (options.quantization.empty())
    fail(ExitCode::kUsage, "gen_config: --quantization is required");
  if (!arguments.dry_run && options.output.empty())
    fail(ExitCode::kUsage, "gen_config: -o OUT is required (or --dry-run)");
  options.config = context.local_folder(options.config, Fetch::kConfig, "auto");
  options.overrides.disaggregation =
      disaggregation(arguments, disaggregation_option, context.reporter);
  GeneratedConfig generated = generate_config(options, context.reporter);
  std::vector<std::string> files;
  if (arguments.dry_run) {
    context.print(context.json ? dump_json(result_json(generated, files)) + "\n"
                               : generated.text + "\n");
    return ExitCode::kDone;
  }
  files = write_generated_config(generated, options.output);
  context.print(context.json ? dump_json(result_json(generated, files)) + "\n"
                             : fmt::format("{}: {}\n", printable(options.output, 1024),
                                           fmt::join(files, ", ")));
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  GenConfigOptions& o = a->generate;
  app.add_option("CONFIG", o.config,
                 "config.json of the checkpoint, its folder, HF://owner/name[@revision], or the "
                 "name of a preset")
      ->type_name("PATH");
  std::vector<std::string> names;
  for (const Quantization& one : quantizations())
    names.emplace_back(one.name);
  one_of(app.add_option("--quantization", o.quantization, "how the weights are stored"), names);
  names = {"auto"};
  for (const ConvTemplate& row : conv_templates())
    names.emplace_back(row.name);
  one_of(
      app.add_option("--conv-template", o.conv_template,
                     "conversation template; auto: chosen by the checkpoint's own chat_template, "
                     "model type, name and special tokens"),
      names);
  app.add_option("-o,--output", o.output, "folder for the files; other files in it stay")
      ->type_name("FOLDER");
  app.add_option("--model-type", o.model_type, "architecture; auto: model_type of config.json")
      ->capture_default_str()
      ->type_name("NAME");
  ConfigOverrides& v = o.overrides;
  add_size(app, "--context-window-size", v.context_window_size,
           "tokens that a model can look back on", 1, true);
  add_size(app, "--sliding-window-size", v.sliding_window_size,
           "tokens that a layer with a sliding window looks back on", 1, true);
  add_size(app, "--prefill-chunk-size", v.prefill_chunk_size,
           "tokens of a prompt that are read at once; 0: the default", 0);
  add_size(app, "--attention-sink-size", v.attention_sink_size,
           "first tokens that a sliding window keeps", 0, true);
  add_size(app, "--tensor-parallel-shards", v.tensor_parallel_shards,
           "devices that share each layer", 1);
  add_size(app, "--pipeline-parallel-stages", v.pipeline_parallel_stages,
           "groups of devices that share the layers", 1);
  CLI::Option* disaggregation =
      app.add_option("--disaggregation", a->disaggregation,
                     "any text: prefill and decode run on different devices")
          ->type_name("ANY");
  add_size(app, "--max-batch-size", v.max_batch_size, "sequences at a time (128)", 1);
  app.add_flag(
      "--legacy", o.legacy,
      "add the three keys that runtimes from before June 2024 need; later ones ignore them");
  app.add_flag("--all-stop-tokens", o.all_stop_tokens,
               "add to the template's stop tokens those that the checkpoint's files name");
  app.add_flag("--strict", o.strict,
               "a conversation template that differs from the checkpoint's own is an error");
  app.add_flag("--dry-run", a->dry_run, "print mlc-chat-config.json, write nothing");
  CLI::Option* lists[] = {
      app.add_flag("--list-templates", a->list_templates, "print the conversation templates"),
      app.add_flag("--list-models", a->list_models, "print the model types"),
      app.add_flag("--list-presets", a->list_presets, "print the presets")};
  for (CLI::Option* one : lists)
    for (CLI::Option* other : lists)
      if (one != other) one->excludes(other);
  return [a, disaggregation](const CommandContext& context) {
    return run(*a, *disaggregation, context);
  };
}

}  // namespace

const Command kGenConfig = {
    "gen_config", "write mlc-chat-config.json and the tokenizer files of an MLC model", setup};

}  // namespace mlc
