// `mlc verify`.
#include "verify/command.h"

#include <memory>

#include <CLI/CLI.hpp>

#include "base/hub_address.h"
#include "convert/method.h"
#include "convert/source.h"
#include "package/oci/layout.h"
#include "verify/levels.h"
#include "verify/reference.h"
#include "verify/report.h"
#include "verify/report_files.h"

namespace mlc {
namespace {

struct Arguments {
  VerifyOptions options;
  std::vector<std::string> levels = {"all"};
  std::vector<std::string> thresholds;
  std::string thresholds_file;
  ReportFiles files;
  bool list_findings = false;
  bool write_reference = false;
};

std::vector<Level> levels_of(const std::vector<std::string>& names) {
  std::vector<Level> chosen;
  for (const LevelRow& row : levels())
    for (const std::string& name : names)
      if (name == "all" || name == row.name) {
        chosen.push_back(row.level);
        break;
      }
  return chosen;
}

// The names and what they are when nothing is said.
std::string thresholds_help() {
  std::string text = "a bound of its own, such as device-kl=1e-5; those there are:";
  for (const ThresholdRow& row : threshold_rows())
    text += fmt::format(" {}={}", row.name, row.value);
  return text;
}

// Only of a model that is right; the report says what is not.
void give_reference(const VerifyOptions& options, const VerifyReport& report, Reporter& reporter) {
  if (report.findings.count(Severity::kError) > 0)
    return reporter.warn("no reference vectors were written: the model is not right");
  write_model_reference(options, report, reporter);
  reporter.note(fmt::format("wrote {}/{}", printable(options.model, 1000), kReferenceName));
}

ExitCode run(Arguments& arguments, const CommandContext& context) {
  if (arguments.list_findings) {
    context.print_list(context.json ? dump_json(finding_list_json()) + "\n" : finding_list_text());
    return ExitCode::kDone;
  }
  VerifyOptions& options = arguments.options;
  options.levels = levels_of(arguments.levels);
  options.device = with_kernels(std::move(options.device), context);
  if (!arguments.thresholds_file.empty()) options.thresholds.read_file(arguments.thresholds_file);
  for (const std::string& assignment : arguments.thresholds)
    options.thresholds.set(assignment);
  if (arguments.write_reference && is_model_address(options.model))
    fail(ExitCode::kUsage, "--write-reference: {} is not a folder to write to",
         printable(options.model, 1024));
  options.model = context.local_folder(options.model, Fetch::kPackage, "auto");
  options.source = context.local_folder(options.source, Fetch::kCheckpoint, options.source_format);
  arguments.files.json = context.json;
  check_report_files(arguments.files);
  if (arguments.write_reference && is_layout(parse_layout_place(options.model).path))
    fail(ExitCode::kUsage, "--write-reference writes into a folder; {} is a package",
         printable(options.model, 1000));
  VerifyReport report;
  options.use_reference = !arguments.write_reference;  // that of an earlier state may be here
  run_verify(options, report, context.reporter);
  if (arguments.write_reference) give_reference(options, report, context.reporter);
  give_report(report, arguments.files, context.print);
  return report.findings.count(Severity::kError) > 0 ? ExitCode::kVerify : ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  VerifyOptions& options = arguments->options;
  CLI::Option* model =
      app.add_option("MODEL", options.model,
                     "folder of the converted model; or a package, PKG, PKG:TAG or a tar of one")
          ->required()
          ->type_name("PATH");
  app.add_option("--source", options.source, "the checkpoint that it was made from")
      ->type_name("PATH");
  app.add_option("--key", options.signature.public_key,
                 "public key in PEM; the model has to be signed with it, which is checked before "
                 "its weights are read")
      ->type_name("FILE");
  app.add_option("--cert-chain", options.signature.trust_anchors,
                 "certificates in PEM that are trusted instead; the signer's has to lead to one")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_option(
         "--signature", options.signature_file,
         "the folder's signature, where it is not MODEL/model.sig; or the package that it was "
         "unpacked from")
      ->type_name("FILE");
  app.add_flag("--ignore-unsigned-files", options.signature.allow_unsigned_files,
               "accept files of which the signature says nothing");
  app.add_flag("--allow-ignored-paths", options.signature.allow_ignored_paths,
               "accept that the signer left out paths besides the usual ones");
  std::vector<std::string> formats;
  for (const SourceFormat& format : source_formats())
    formats.emplace_back(format.name);
  one_of(app.add_option("--source-format", options.source_format, "what to look for in it"),
         formats);
  app.add_flag("--recompute{mlc-2026}", options.recompute,
               "prove that the weights are, to the bit, what quantizing the source again gives; by "
               "mlc-2026, or by the numeric rule named: --recompute=RULE");
  std::vector<std::string> known;
  for (const Method& method : methods())
    known.emplace_back(method.name);
  one_of(app.add_option("--recompute-method", options.recompute_method,
                        "the method that goes with the rule"),
         known);
  std::vector<std::string> names = {"all"};
  for (const LevelRow& row : levels())
    names.emplace_back(row.name);
  one_of(
      app.add_option("--level", arguments->levels, "what to check; several are separated by commas")
          ->delimiter(','),
      names);
  app.add_option("--text", options.text, "file that the model level reads besides its prompts")
      ->type_name("PATH");
  one_of(app.add_option("--against", options.against,
                        "what the model level holds the device against; cpu-reference is slow"),
         {"auto", "cpu", "cpu-reference"});
  app.add_option("--max-tokens", options.max_tokens, "tokens of the text, at most; 0: all")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--threshold", arguments->thresholds, thresholds_help())->type_name("NAME=VALUE");
  app.add_option("--thresholds", arguments->thresholds_file, "JSON file of such bounds")
      ->type_name("PATH");
  add_device_options(app, options.device);
  app.add_option("--html", arguments->files.html,
                 "write a page with charts, which needs nothing but a browser")
      ->type_name("FILE");
  app.add_flag("--all-cases", options.all_cases,
               "kernels: check every format and shape, not those that the model needs");
  app.add_flag("--write-reference", arguments->write_reference,
               "if nothing is wrong, store what the CPU computes in the model's folder "
               "(mlc-verify-reference.json), so that other devices can be held against it");
  app.add_option("--summary", arguments->files.summary,
                 "write a summary in Markdown, for the log of a CI job; -: to standard output, in "
                 "place of the text")
      ->type_name("FILE");
  app.add_flag_function(
         "--list-findings",
         [a = arguments.get(), model](std::int64_t) {
           a->list_findings = true;
           model->required(false);
         },
         "print what can be found, and nothing else")
      ->trigger_on_parse();
  return [arguments](const CommandContext& context) { return run(*arguments, context); };
}

}  // namespace

const Command kVerify = {"verify", "check a converted model, and name what is at fault", setup};

}  // namespace mlc
