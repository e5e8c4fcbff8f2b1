#include <memory>

#include <CLI/CLI.hpp>

#include "base/hub_address.h"
#include "base/units.h"
#include "package/command.h"
#include "package/hub/hub_copy.h"
#include "package/hub/hub_pull.h"
#include "package/registry/command.h"
#include "package/version.h"

namespace mlc {
namespace {

struct Arguments {
  std::string address;
  std::string output;
  HubPullOptions hub;
  RegistryOptions registry;
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

ExitCode pull_from_registry(const Arguments& arguments, const CommandContext& context) {
  if (!arguments.hub.include.empty() || !arguments.hub.exclude.empty())
    fail(ExitCode::kUsage, "pull: --include and --exclude are for models of the hub");
  RegistryOptions options = arguments.registry;
  options.allow_http = arguments.hub.allow_http;
  options.connections = arguments.hub.connections;
  if (!options.min_version.empty() && !is_semantic_version(options.min_version))
    fail(ExitCode::kUsage, "pull: --min-version {}: expected MAJOR.MINOR.PATCH",
         printable(options.min_version));
  std::string store = arguments.output;
  if (store.empty()) {
    std::string repository = parse_registry_reference(arguments.address).repository;
    store = repository.substr(repository.rfind('/') + 1);
  }
  TransferSummary done = pull(arguments.address, store, options, context.reporter);
  context.reporter.note(
      fmt::format("{}: {} into {}, {} blobs of {} fetched in {}, {} there already{}",
                  printable(arguments.address, 1024), done.manifest.text(), printable(store, 1024),
                  done.blobs, bytes_text(done.bytes), duration_text(done.seconds),
                  done.blobs_present, done.signature_checked ? ", signature checked" : ""));
  context.print(context.json ? dump_json(transfer_json(done).set("store", store)) + "\n"
                             : done.manifest.text() + "\n");
  return ExitCode::kDone;
}

ExitCode run(const Arguments& arguments, const CommandContext& context) {
  if (!is_hub_address(arguments.address)) return pull_from_registry(arguments, context);
  const RegistryOptions& options = arguments.registry;
  if (options.signature.wanted() || !options.min_version.empty() || !options.lock_file.empty() ||
      !options.token_hosts.empty())
    fail(ExitCode::kUsage,
         "pull: --key, --trust-anchor, --min-version, --lock and --allow-token-host are for "
         "packages of registries");
  return pull_from_hub(arguments, context);
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_option("ADDRESS", a->address,
                 "oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST], of a registry "
                 "(MLC_REGISTRY_USER, MLC_REGISTRY_PASSWORD, or docker's config.json), into a "
                 "package folder; HF://owner/name[@revision][/file or folder], of the Hugging Face "
                 "hub (HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE), into its cache (HF_HOME)")
      ->required()
      ->type_name("ADDRESS");
  app.add_option("-o,--output", a->output,
                 "of a registry: the package folder, new or not (default: the last part of the "
                 "repository's name); of the hub: a new folder for the files besides the cache")
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
  app.add_option("--key", a->registry.signature.public_key,
                 "PEM public key: the package has to be signed with it, which is checked before "
                 "any file is fetched")
      ->type_name("PATH");
  app.add_option("--trust-anchor", a->registry.signature.trust_anchors,
                 "the same with a PEM certificate; may be given several times")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_option("--min-version", a->registry.min_version, "refuse an older package")
      ->type_name("VERSION");
  app.add_option("--lock", a->registry.lock_file,
                 "refuse another digest than this file names; written when there is none yet")
      ->type_name("PATH");
  add_registry_options(app, a->registry);
  app.add_flag("--allow-http", a->hub.allow_http,
               "take http:// addresses of other machines, too, which are not encrypted");
  return [a](const CommandContext& context) { return run(*a, context); };
}

}  // namespace

const Command kPull = {"pull", "download a model, checked and resumed", setup};

}  // namespace mlc
