#include "package/app/app_command.h"

#include <cstdlib>

#include <CLI/CLI.hpp>

#include "base/units.h"
#include "package/app/app_bundle.h"

namespace mlc {

void add_app_options(CLI::App& app, AppArguments& arguments, CLI::Option& model) {
  app.add_option(
         "--package-config", arguments.config,
         "without MODEL: what an app is bundled with, as `mlc_llm package` reads it; absent: "
         "mlc-package-config.json")
      ->excludes(&model)
      ->type_name("PATH")
      ->group("App bundle");
  app.add_option("--mlc-llm-source-dir", arguments.source_dir,
                 "mlc-llm's source, for the Java files of android and for the commands that are "
                 "asked for; absent: $MLC_LLM_SOURCE_DIR")
      ->excludes(&model)
      ->type_name("FOLDER")
      ->group("App bundle");
}

ExitCode run_app_bundle(const AppArguments& arguments, const std::string& output,
                        const CommandContext& context) {
  AppBundleOptions options;
  if (!arguments.config.empty()) options.config = arguments.config;
  if (!output.empty()) options.output = output;
  options.source_dir = arguments.source_dir;
  if (const char* source = std::getenv("MLC_LLM_SOURCE_DIR");
      source != nullptr && options.source_dir.empty())
    options.source_dir = source;
  AppBundleSummary summary = make_app_bundle(options, context.reporter);
  if (context.json) {
    context.print(dump_json(Json::object()
                                .set("output", options.output)
                                .set("device", summary.device)
                                .set("app_config", summary.app_config)
                                .set("files", summary.files)
                                .set("bytes", summary.bytes)
                                .set("seconds", summary.seconds)) +
                  "\n");
    return ExitCode::kDone;
  }
  std::string text =
      fmt::format("{}: an app bundle for {}\n", printable(options.output, 1024), summary.device);
  for (const Json& model : summary.app_config.find("model_list")->items("model_list"))
    text += fmt::format("  model     {}, library {}\n",
                        printable(model.find("model_id")->as_string("model_id")),
                        printable(model.find("model_lib")->as_string("model_lib")));
  context.print(text + fmt::format("  files     {}, {}\n  time      {}\n", summary.files,
                                   bytes_text(summary.bytes), duration_text(summary.seconds)));
  return ExitCode::kDone;
}

}  // namespace mlc
