#include "convert/command.h"

#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "convert/convert.h"
#include "convert/lists.h"
#include "convert/method.h"
#include "convert/report.h"

namespace mlc {
namespace {

template <class Rows>
std::vector<std::string> names_of(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows)
    names.emplace_back(row.name);
  return names;
}

// "text (a: what a is; b: what b is)"
template <class Rows>
std::string explain(std::string text, const Rows& rows) {
  std::string_view before = " (";
  for (const auto& row : rows) {
    text += fmt::format("{}{}: {}", before, row.name, row.explains);
    before = "; ";
  }
  return text + ")";
}

// "512M", "2G", "100000000": bytes, with binary suffixes.
std::uint64_t parse_bytes(const std::string& text) {
  std::size_t used = 0;
  std::uint64_t value = 0;
  try {
    if (text.empty() || text[0] < '0' || text[0] > '9') throw std::invalid_argument(text);
    value = std::stoull(text, &used);
  } catch (const std::exception&) {
    fail(ExitCode::kUsage, "--max-memory {}: expected a number of bytes such as 256M or 2G",
         printable(text));
  }
  std::string_view suffix = std::string_view(text).substr(used);
  int shift = suffix.empty()  ? 0
              : suffix == "K" ? 10
              : suffix == "M" ? 20
              : suffix == "G" ? 30
                              : -1;
  if (shift < 0 || value > (~std::uint64_t{0} >> shift))
    fail(ExitCode::kUsage, "--max-memory {}: expected a number of bytes such as 256M or 2G",
         printable(text));
  return value << shift;
}

struct Arguments {
  ConvertOptions convert;
  std::string device = "auto";
  std::string max_memory = "256M";
  std::string lattice = "keep";
  std::string report;
  bool dry_run = false;
  // --list options: what is asked for, in their order.
  std::vector<std::function<List()>> lists;
};

ExitCode print_list(const Arguments& arguments, const CommandContext& context) {
  if (arguments.lists.size() > 1)
    fail(ExitCode::kUsage, "convert_weight: several --list options, expected one");
  List list = arguments.lists[0]();
  context.print_list(context.json ? dump_json(list.json) + "\n" : list.text);
  return ExitCode::kDone;
}

ExitCode run(const Arguments& arguments, const CommandContext& context) {
  if (!arguments.lists.empty()) return print_list(arguments, context);
  ConvertOptions options = arguments.convert;
  options.max_memory = parse_bytes(arguments.max_memory);
  options.measure_params = !arguments.report.empty();
  options.keep_lattices = arguments.lattice == "keep";
  bool own_weights = options.source == "auto";
  if (!own_weights)
    options.source =
        context.local_folder(options.source, Fetch::kCheckpoint, options.source_format);
  options.config = context.local_folder(
      options.config, own_weights ? Fetch::kCheckpoint : Fetch::kConfig, options.source_format);
  options.lora_adapter = context.local_folder(options.lora_adapter, Fetch::kCheckpoint, "auto");
  if (!arguments.dry_run && options.output.empty())
    fail(ExitCode::kUsage, "convert_weight: -o OUT is required (or --dry-run)");
  Prepared prepared = prepare_conversion(options, context.reporter);
  if (arguments.dry_run) {
    context.print(context.json ? dump_json(plan_json(prepared)) + "\n" : plan_text(prepared));
    return ExitCode::kDone;
  }
  ConvertSummary summary = run_conversion(options, prepared, context.reporter);
  if (!arguments.report.empty())
    write_file_atomically(arguments.report, report_text(prepared.plan, summary.execute.params));
  context.print(context.json ? dump_json(summary_json(options, prepared, summary)) + "\n"
                             : summary_text(options, prepared, summary));
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  ConvertOptions& o = a->convert;
  auto* config = app.add_option("CONFIG", o.config,
                                "config.json of the checkpoint, or its folder; "
                                "HF://owner/name[@revision] too, of which "
                                "only what is read is fetched")
                     ->required()
                     ->type_name("PATH");
  auto* quantization =
      one_of(app.add_option("--quantization", o.quantization, "how weights are stored")->required(),
             names_of(quantizations()));
  app.add_option("-o,--output", o.output,
                 "folder for the converted weights; other files in it stay")
      ->type_name("FOLDER");
  app.add_option("--model-type", o.model_type, "architecture; auto: model_type of config.json")
      ->capture_default_str()
      ->type_name("NAME");
  app.add_option("--source", o.source,
                 "checkpoint folder, .safetensors or .gguf file, or index, HF://owner/name/FILE "
                 "too; auto: the folder of config.json")
      ->capture_default_str()
      ->type_name("PATH");
  one_of(app.add_option("--source-format", o.source_format, "format of the checkpoint"),
         names_of(source_formats()));
  app.add_option("--lora-adapter", o.lora_adapter,
                 "folder of a PEFT adapter, merged into the weights as they are read")
      ->type_name("FOLDER");
  app.add_option(
         "--device", a->device,
         "accepted for mlc_llm's sake and not used: every byte is computed on the CPU, so that "
         "it can't depend on a device or driver")
      ->capture_default_str()
      ->type_name("DEVICE");
  one_of(
      app.add_option("--numerics", o.numerics,
                     explain("the rule of mlc_llm whose values are reproduced", numeric_rules())),
      names_of(numeric_rules()));
  one_of(app.add_option("--method", o.method, explain("how codes are chosen", methods())),
         names_of(methods()));
  one_of(app.add_option("--lattice", a->lattice,
                        "weights that lie on 16 levels in each group of 32, as Q4_0, GPTQ and "
                        "quantization-aware training leave them (keep: stored without loss; off: "
                        "quantized like others, which moves them)"),
         {"keep", "off"});
  app.add_option("--threads", o.threads, "0: all usable CPUs; the output never depends on it")
      ->capture_default_str()
      ->check(CLI::Range(0u, 1024u))
      ->type_name("N");
  app.add_option(
         "--max-memory", a->max_memory,
         "bound for buffers, such as 128M or 2G; a param that must be turned as a whole can "
         "need more")
      ->capture_default_str()
      ->type_name("BYTES");
  app.add_option("--report", a->report,
                 "write a table of all params: exact, or the relative RMS error and the largest "
                 "difference")
      ->type_name("FILE");
  app.add_flag("--dry-run", a->dry_run, "print the plan, read only headers, write nothing");
  auto* resume = app.add_flag("--resume", o.resume,
                              "keep the shards that an interrupted run finished (checked by hash)");
  app.add_flag("--overwrite", o.overwrite, "replace a complete conversion in the output folder")
      ->excludes(resume);
  app.add_flag("--allow-unused", o.allow_unused,
               "go on when the model has no place for some tensors of the checkpoint");
  // A list needs neither a checkpoint nor a quantization.
  auto add_list = [a = a.get(), config, quantization](std::function<List()> list) {
    a->lists.push_back(std::move(list));
    config->required(false);
    quantization->required(false);
  };
  auto flag = [&](const char* name, List (*list)(), const char* help) {
    app.add_flag_function(
           name, [add_list, list](std::int64_t) { add_list(list); }, help)
        ->trigger_on_parse();
  };
  flag("--list-models", list_models, "print the architectures, and nothing else");
  flag("--list-quantizations", list_quantizations, "print what --quantization may be");
  flag("--list-sources", list_sources, "print the formats of checkpoints that are read");
  using ModelAndConfig = std::pair<std::string, std::string>;
  app.add_option_function<ModelAndConfig>(
         "--list-params",
         [add_list, &o](const ModelAndConfig& of) {
           add_list([of, &o] { return list_params(of.first, of.second, o.quantization); });
         },
         "print the params of a model: architecture (or auto) and config.json or its folder; with "
         "--quantization, what they become")
      ->trigger_on_parse()
      ->type_name("MODEL PATH");
  return [a](const CommandContext& context) { return run(*a, context); };
}

}  // namespace

const Command kConvertWeight = {
    "convert_weight", "turn a Hugging Face checkpoint into the weights of an MLC model", setup};

}  // namespace mlc
