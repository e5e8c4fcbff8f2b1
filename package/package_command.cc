#include <memory>

#include <CLI/CLI.hpp>

#include "base/hub_address.h"
#include "base/units.h"
#include "package/app/app_command.h"
#include "package/command.h"
#include "package/kernels/package_kernels.h"
#include "package/package.h"
#include "package/registry/reference.h"

namespace mlc {
namespace {

struct Arguments {
  PackageOptions package;
  AppArguments app;
  bool kernels_only = false;
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

ExitCode pack(const Arguments& a, const CommandContext& context) {
  const PackageOptions& options = a.package;
  PackageSummary summary = a.kernels_only ? package_kernels(options, context.reporter)
                                          : package_model(options, context.reporter);
  context.print(context.json ? dump_json(summary_json(options, summary)) + "\n"
                             : summary_text(options, summary));
  return ExitCode::kDone;
}

// "HF://owner/name@revision" and "oci://host/team/name:tag" are called "name".
std::string name_of_address(const std::string& address) {
  std::string repository = is_hub_address(address) ? parse_hub_address(address).repository
                                                   : parse_registry_reference(address).repository;
  return repository.substr(repository.rfind('/') + 1);
}

ExitCode run(Arguments& a, const CommandContext& context) {
  PackageOptions& options = a.package;
  if (options.output.empty() && (a.kernels_only || !options.model.empty()))
    fail(ExitCode::kUsage, "package: -o PATH is required with {}",
         a.kernels_only ? "--kernels-only" : "MODEL");
  if (a.kernels_only) return pack(a, context);
  if (options.model.empty()) return run_app_bundle(a.app, options.output, context);
  if (is_model_address(options.model)) {
    if (options.name.empty()) options.name = name_of_address(options.model);
    if (is_hub_address(options.model)) options.links = Links::kHubSnapshot;
    options.model = context.local_folder(options.model, Fetch::kAll, "auto");
  }
  return pack(a, context);
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  PackageOptions& o = a->package;
  auto* model = app.add_option("MODEL", o.model,
                               "model folder that becomes a package, or its address, "
                               "HF://owner/name; absent: an app bundle is made")
                    ->type_name("FOLDER");
  app.add_flag("--kernels-only", a->kernels_only,
               "pack the program's GPU kernels, as a bundle of their own; no MODEL is read")
      ->excludes(model);
  app.add_option("-o,--output", o.output,
                 "package to make or add to: a layout folder, or a .tar or .tar.zst of one; of an "
                 "app bundle its folder, dist if absent")
      ->type_name("PATH");
  auto of_model = [&](CLI::Option* option) { return option->needs(model)->group("Package"); };
  of_model(app.add_option("--name", o.name, "what the model is called; absent: as its folder is"))
      ->type_name("NAME");
  // Of models and of kernels.
  std::vector<CLI::Option*> of_packages;
  auto of_package = [&](CLI::Option* option) {
    of_packages.push_back(option);
    return option->group("Package");
  };
  of_package(app.add_option("--version", o.version, "semantic version"))
      ->capture_default_str()
      ->type_name("VERSION");
  of_package(app.add_option("--tag", o.tag, "absent: NAME-VERSION"))->type_name("TAG");
  of_model(app.add_option("--kernels", o.kernels,
                          "GPU kernels that it is bound to: a package with a kernel bundle, "
                          "PKG[:TAG], or own, the program's"))
      ->type_name("PATH");
  of_model(app.add_option("--source", o.source,
                          "the checkpoint that it was made of, whose digests the provenance names"))
      ->type_name("PATH");
  of_model(app.add_flag("!--no-attest", o.attest, "leave out provenance and bill of materials"));
  of_model(app.add_option("--sign-key", o.sign_key,
                          "PEM private key that signs the files, after OpenSSF Model Signing; "
                          "mlc sign --new-key makes one"))
      ->type_name("PATH");
  of_package(app.add_flag("--overwrite", o.overwrite,
                          "give a tag that stands for other content to this one; replace a .tar"));
  of_model(app.add_option("--threads", o.threads, "0: all CPUs"))->type_name("N");
  add_app_options(app, a->app, *model);
  return [a, of_packages](const CommandContext& context) {
    if (a->package.model.empty() && !a->kernels_only)
      for (const CLI::Option* option : of_packages)
        if (option->count() > 0)
          fail(ExitCode::kUsage, "{} requires MODEL or --kernels-only", option->get_name());
    return run(*a, context);
  };
}

}  // namespace

const Command kPackage = {"package", "make a versioned package of a model, or an app's bundle",
                          setup};

}  // namespace mlc
