#include <memory>

#include <CLI/CLI.hpp>

#include "base/units.h"
#include "package/command.h"
#include "package/gc.h"

namespace mlc {
namespace {

Json texts_json(const std::vector<std::string>& texts) {
  Json json = Json::array();
  for (const std::string& text : texts)
    json.push(text);
  return json;
}

Json summary_json(const GcOptions& options, const GcSummary& summary) {
  Json removed = Json::array();
  for (const GcSummary::Removed& r : summary.removed)
    removed.push(Json::object().set("path", r.path).set("why", r.why).set("bytes", r.bytes));
  Json json = Json::object();
  json.set("dry_run", options.dry_run).set("removed", std::move(removed));
  json.set("bytes", summary.bytes).set("busy", texts_json(summary.busy));
  if (options.check) json.set("damaged", texts_json(summary.damaged));
  return json;
}

std::string summary_text(const GcOptions& options, const GcSummary& summary) {
  std::string text;
  const char* what = options.dry_run ? "would remove" : "removed";
  for (const GcSummary::Removed& r : summary.removed)
    text +=
        fmt::format("{} {} ({}, {})\n", what, printable(r.path, 1024), r.why, bytes_text(r.bytes));
  for (const std::string& path : summary.busy)
    text += fmt::format("in use, left alone: {}\n", printable(path, 1024));
  for (const std::string& damage : summary.damaged)
    text += fmt::format("damaged: {}\n", damage);
  return text + fmt::format("{} {} of {} {}\n", what, bytes_text(summary.bytes),
                            summary.removed.size(),
                            summary.removed.size() == 1 ? "leftover" : "leftovers");
}

ExitCode run(const GcOptions& options, const CommandContext& context) {
  GcSummary summary = collect_garbage(options, context.reporter);
  context.print(context.json ? dump_json(summary_json(options, summary)) + "\n"
                             : summary_text(options, summary));
  return summary.damaged.empty() ? ExitCode::kDone : ExitCode::kVerify;
}

RunCommand setup(CLI::App& app) {
  auto o = std::make_shared<GcOptions>();
  app.add_option("PLACE", o->places,
                 "packages, model folders, or folders that hold such; four levels deep")
      ->required()
      ->type_name("FOLDER");
  app.add_flag("--dry-run", o->dry_run, "say what would go, remove nothing");
  app.add_flag("--check", o->check,
               "also hash every blob that a package names; damage is exit code 6");
  return [o](const CommandContext& context) { return run(*o, context); };
}

}  // namespace

const Command kGc = {"gc", "remove what killed runs left in folders and packages", setup};

}  // namespace mlc
