#include <memory>

#include <CLI/CLI.hpp>

#include "base/hub_address.h"
#include "base/units.h"
#include "package/command.h"
#include "package/hub/hub_copy.h"
#include "package/hub/hub_pull.h"

namespace mlc {
namespace {

struct Arguments {
  std::string address;
  std::string output;
  HubPullOptions hub;
};

Json snapshot_json(const HubSnapshot& snapshot, const std::string& folder) {
  Json files = Json::array();
  for (const std::string& name : snapshot.files)
    files.push(name);
  return Json::object()
      .set("folder", folder)
      .set("commit", snapshot.commit)
      .set("files", std::move(files))
      .set("bytes", snapshot.bytes)
      .set("downloaded_bytes", snapshot.downloaded_bytes)
      .set("seconds", snapshot.seconds);
}

ExitCode pull_from_hub(const Arguments& arguments, const CommandContext& context) {
  HubSnapshot snapshot = pull_hub(arguments.address, arguments.hub, context.reporter);
  if (!arguments.output.empty()) copy_snapshot(snapshot, arguments.output, context.reporter);
  const std::string& folder = arguments.output.empty() ? snapshot.folder : arguments.output;
  context.reporter.note(fmt::format(
      "{}: commit {}, {} files of {}, {} downloaded in {}", printable(arguments.address, 1024),
      snapshot.commit, snapshot.files.size(), bytes_text(snapshot.bytes),
      bytes_text(snapshot.downloaded_bytes), duration_text(snapshot.seconds)));
  context.print(context.json ? dump_json(snapshot_json(snapshot, folder)) + "\n" : folder + "\n");
  return ExitCode::kDone;
}

ExitCode run(const Arguments& arguments, const CommandContext& context) {
  if (is_hub_address(arguments.address)) return pull_from_hub(arguments, context);
  fail(ExitCode::kUsage, "pull: {}: expected HF://owner/name[@revision]",
       printable(arguments.address, 1024));
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_option("ADDRESS", a->address,
                 "HF://owner/name[@revision][/file or folder], of the Hugging Face hub "
                 "(HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE), into its cache (HF_HOME)")
      ->required()
      ->type_name("ADDRESS");
  app.add_option("-o,--output", a->output,
                 "a new folder for the files, besides the cache; absent: the cache alone")
      ->type_name("FOLDER");
  app.add_option("--include", a->hub.include,
                 "only files that match, such as '*.safetensors'; may be given several times")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--exclude", a->hub.exclude, "no files that match; may be given several times")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--connections", a->hub.connections, "files at a time")
      ->capture_default_str()
      ->check(CLI::Range(1U, 64U))
      ->type_name("N");
  app.add_flag("--allow-http", a->hub.allow_http,
               "take http:// addresses of other machines, too, which are not encrypted");
  return [a](const CommandContext& context) { return run(*a, context); };
}

}  // namespace

const Command kPull = {"pull", "download a model, checked and resumed", setup};

}  // namespace mlc
