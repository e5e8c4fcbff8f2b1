#include <memory>

#include <CLI/CLI.hpp>

#include "base/units.h"
#include "package/command.h"
#include "package/package.h"

namespace mlc {
namespace {

ExitCode run(const UnpackOptions& options, const CommandContext& context) {
  UnpackSummary summary = unpack(options, context.reporter);
  Json json = Json::object()
                  .set("folder", options.output)
                  .set("manifest", summary.manifest.text())
                  .set("files", summary.files)
                  .set("bytes", summary.bytes)
                  .set("seconds", summary.seconds);
  context.print(context.json
                    ? dump_json(json) + "\n"
                    : fmt::format("{}: {} files, {}, {}\n", printable(options.output, 1024),
                                  summary.files, bytes_text(summary.bytes),
                                  duration_text(summary.seconds)));
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto o = std::make_shared<UnpackOptions>();
  app.add_option(
         "PACKAGE", o->package,
         "layout folder, .tar or .tar.zst, with :TAG or @sha256:DIGEST when it holds several")
      ->required()
      ->type_name("PATH");
  app.add_option("-o,--output", o->output, "a new or empty folder for the model")
      ->required()
      ->type_name("FOLDER");
  app.add_flag("--overwrite", o->overwrite, "replace a folder that is there, as a whole");
  app.add_option("--threads", o->threads, "files at a time; 0: all CPUs")->type_name("N");
  return [o](const CommandContext& context) { return run(*o, context); };
}

}  // namespace

const Command kUnpack = {"unpack", "get the model folder out of a package, byte for byte", setup};

}  // namespace mlc
