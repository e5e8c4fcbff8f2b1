#include <memory>

#include <CLI/CLI.hpp>

#include "base/units.h"
#include "package/command.h"
#include "package/registry/command.h"

namespace mlc {
namespace {

struct Arguments {
  std::string package;
  std::string reference;
  RegistryOptions options;
};

std::string list(const std::vector<Descriptor>& blobs) {
  std::string out;
  for (const Descriptor& blob : blobs) {
    auto title = blob.annotations.find(std::string(kTitle));
    out += fmt::format(
        "{} {:>10}  {}\n", blob.digest.text(), bytes_text(blob.size),
        title == blob.annotations.end() ? printable(blob.media_type) : printable(title->second));
  }
  return out;
}

ExitCode run(const Arguments& arguments, const CommandContext& context) {
  TransferSummary done = push(parse_layout_place(arguments.package), arguments.reference,
                              arguments.options, context.reporter);
  RegistryReference reference = parse_registry_reference(arguments.reference);
  reference.tag = done.tag;
  reference.digest = done.manifest;
  if (arguments.options.dry_run) {
    std::uint64_t bytes = 0;
    for (const Descriptor& blob : done.missing)
      bytes += blob.size;
    context.reporter.note(fmt::format("{}: {} blobs of {} would be sent, {} are there",
                                      reference.text(), done.missing.size(), bytes_text(bytes),
                                      done.blobs_present));
    context.print_list(context.json ? dump_json(transfer_json(done)) + "\n" : list(done.missing));
    return ExitCode::kDone;
  }
  context.reporter.note(fmt::format(
      "{}: {} blobs of {} sent in {}, {} there already, {} referrers", reference.text(), done.blobs,
      bytes_text(done.bytes), duration_text(done.seconds), done.blobs_present, done.referrers));
  context.print(context.json
                    ? dump_json(transfer_json(done).set("reference", reference.text())) + "\n"
                    : reference.text() + "\n");
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_option("PACKAGE", a->package,
                 "package folder or tar; PACKAGE:TAG when it holds several models")
      ->required()
      ->type_name("PATH");
  app.add_option("REFERENCE", a->reference,
                 "[oci://]HOST[:PORT]/REPOSITORY[:TAG] (MLC_REGISTRY_USER, MLC_REGISTRY_PASSWORD, "
                 "or docker's config.json); without a tag, the package's")
      ->required()
      ->type_name("REFERENCE");
  app.add_flag("--dry-run", a->options.dry_run, "list what the registry lacks, and send nothing");
  app.add_option("--mount-from", a->options.mount_from,
                 "another repository of the registry, whose blobs need not be sent")
      ->type_name("REPOSITORY");
  app.add_option("--connections", a->options.connections, "blobs at a time")
      ->capture_default_str()
      ->check(CLI::Range(1U, 64U))
      ->type_name("N");
  add_registry_options(app, a->options);
  app.add_flag("--allow-http", a->options.allow_http,
               "take registries on other machines, too, that don't encrypt");
  return [a](const CommandContext& context) { return run(*a, context); };
}

}  // namespace

void add_registry_options(CLI::App& app, RegistryOptions& options) {
  app.add_option("--allow-token-host", options.token_hosts,
                 "HOST[:PORT] of a token server, besides the registry itself, that may get user "
                 "and password; may be given several times")
      ->type_name("HOST")
      ->allow_extra_args(false);
  app.add_option("--ca-file", options.ca_file,
                 "PEM certificates to trust besides the system's (MLC_CA_FILE)")
      ->type_name("PATH");
}

Json transfer_json(const TransferSummary& summary) {
  Json out = Json::object();
  out.set("manifest", summary.manifest.text()).set("tag", summary.tag);
  if (!summary.version.empty()) out.set("version", summary.version);
  out.set("blobs", std::uint64_t{summary.blobs})
      .set("blobs_present", std::uint64_t{summary.blobs_present})
      .set("referrers", std::uint64_t{summary.referrers})
      .set("bytes", summary.bytes)
      .set("seconds", summary.seconds)
      .set("signature_checked", summary.signature_checked);
  if (!summary.missing.empty()) {
    Json missing = Json::array();
    for (const Descriptor& blob : summary.missing)
      missing.push(Json::object().set("digest", blob.digest.text()).set("size", blob.size));
    out.set("missing", std::move(missing));
  }
  return out;
}

const Command kPush = {"push", "upload a package to a registry", setup};

}  // namespace mlc
