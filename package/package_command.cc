#include <memory>

#include <CLI/CLI.hpp>

#include "base/units.h"
#include "package/app/app_command.h"
#include "package/command.h"
#include "package/package.h"

namespace mlc {
namespace {

struct Arguments {
  PackageOptions package;
  AppArguments app;
};

Json summary_json(const PackageOptions& options, const PackageSummary& summary) {
  return Json::object()
      .set("package", options.output)
      .set("tag", summary.tag)
      .set("manifest", summary.manifest.text())
      .set("files", summary.files)
      .set("bytes", summary.bytes)
      .set("written_bytes", summary.written_bytes)
      .set("estimated_vram_bytes", summary.estimated_vram_bytes)
      .set("was_there", summary.was_there)
      .set("seconds", summary.seconds);
}

std::string summary_text(const PackageOptions& options, const PackageSummary& summary) {
  std::string text = fmt::format("{}: {}{}\n", printable(options.output, 1024), summary.tag,
                                 summary.was_there ? ", which was there already" : "");
  text += fmt::format("  manifest  {}\n", summary.manifest.text());
  text += fmt::format("  files     {}, {}, of these {} new\n", summary.files,
                      bytes_text(summary.bytes), bytes_text(summary.written_bytes));
  if (summary.estimated_vram_bytes > 0)
    text += fmt::format("  memory    {} estimated\n", bytes_text(summary.estimated_vram_bytes));
  return text + fmt::format("  time      {}\n", duration_text(summary.seconds));
}

ExitCode pack(const PackageOptions& options, const CommandContext& context) {
  PackageSummary summary = package_model(options, context.reporter);
  context.print(context.json ? dump_json(summary_json(options, summary)) + "\n"
                             : summary_text(options, summary));
  return ExitCode::kDone;
}

ExitCode run(Arguments& a, const CommandContext& context) {
  if (a.package.model.empty()) return run_app_bundle(a.app, a.package.output, context);
  if (a.package.output.empty()) fail(ExitCode::kUsage, "package: -o PATH is required with MODEL");
  return pack(a.package, context);
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  PackageOptions& o = a->package;
  auto* model = app.add_option("MODEL", o.model,
                               "model folder that becomes a package; absent: an app bundle is made")
                    ->type_name("FOLDER");
  app.add_option("-o,--output", o.output,
                 "package to make or add to: a layout folder, or a .tar or .tar.zst of one; of an "
                 "app bundle its folder, dist if absent")
      ->type_name("PATH");
  auto of_model = [&](CLI::Option* option) { return option->needs(model)->group("Package"); };
  of_model(app.add_option("--name", o.name, "what the model is called; absent: as its folder is"))
      ->type_name("NAME");
  of_model(app.add_option("--version", o.version, "semantic version"))
      ->capture_default_str()
      ->type_name("VERSION");
  of_model(app.add_option("--tag", o.tag, "absent: NAME-VERSION"))->type_name("TAG");
  of_model(app.add_flag("--overwrite", o.overwrite,
                        "give a tag that stands for other content to this one; replace a .tar"));
  of_model(app.add_option("--threads", o.threads, "0: all CPUs"))->type_name("N");
  add_app_options(app, a->app, *model);
  return [a](const CommandContext& context) { return run(*a, context); };
}

}  // namespace

const Command kPackage = {"package", "make a versioned package of a model, or an app's bundle",
                          setup};

}  // namespace mlc
