#include "deliver/command.h"

#include <memory>

#include <CLI/CLI.hpp>

#include "base/units.h"
#include "deliver/deliver.h"
#include "package/registry/command.h"

namespace mlc {
namespace {

struct Arguments {
  DeliverOptions options;
  bool dry_run = false;
};

std::string_view name_of(DeliveryWork work) {
  switch (work) {
    case DeliveryWork::kNothing:
      return "nothing";
    case DeliveryWork::kConfig:
      return "config";
    case DeliveryWork::kAll:
      return "all";
  }
  return "";
}

Json json_of(const Delivery& one) {
  Json overrides = Json::object();
  for (std::size_t i = 0; i < one.overrides.size(); i++)
    if (one.overrides[i]) overrides.set(std::string(kDeliveryOverrides[i]), *one.overrides[i]);
  return Json::object()
      .set("model_id", one.model_id)
      .set("quantization", one.quantization)
      .set("work", name_of(one.work))
      .set("model", one.model)
      .set("conv_template", one.conv_template)
      .set("overrides", std::move(overrides))
      .set("destination", one.destination);
}

void print_plan(const std::vector<Delivery>& plan, const CommandContext& context) {
  if (context.json) {
    Json list = Json::array();
    for (const Delivery& one : plan)
      list.push(json_of(one));
    return context.print(dump_json(Json::object().set("deliveries", list)) + "\n");
  }
  std::string text;
  for (const Delivery& one : plan) {
    std::string overrides = overrides_text(one.overrides);
    text += fmt::format("{:<8} {}  {}{}\n", name_of(one.work), printable(one.folder()),
                        printable(one.destination),
                        overrides.empty() ? "" : fmt::format("  ({})", overrides));
  }
  context.print(text);
}

Json json_of(const DeliveryResult& result) {
  Json json = json_of(result.delivery);
  json.set("folder", result.folder).set("seconds", result.seconds);
  if (!result.error.empty())
    json.set("code", static_cast<int>(result.code)).set("error", result.error);
  if (!result.reference.empty())
    json.set("reference", result.reference).set("manifest", result.manifest.text());
  if (!result.upload.empty()) json.set("upload", result.upload);
  return json;
}

void print_results(const std::vector<DeliveryResult>& results, std::size_t planned,
                   const CommandContext& context) {
  if (context.json) {
    Json delivered = Json::array();
    Json failed = Json::array();
    for (const DeliveryResult& one : results)
      (one.error.empty() ? delivered : failed).push(json_of(one));
    return context.print(dump_json(Json::object()
                                       .set("delivered", delivered)
                                       .set("failed", failed)
                                       .set("up_to_date", planned - results.size())) +
                         "\n");
  }
  std::string text;
  std::size_t failed = 0;
  for (const DeliveryResult& one : results) {
    if (!one.error.empty()) {
      failed++;
      text += fmt::format("failed     {}: {}\n", printable(one.delivery.folder()), one.error);
    } else {
      text += fmt::format("delivered  {} in {}{}\n", printable(one.delivery.folder()),
                          duration_text(one.seconds),
                          one.reference.empty() ? "" : " as " + printable(one.reference, 1024));
    }
  }
  for (const DeliveryResult& one : results)
    if (!one.upload.empty()) text += one.upload + "\n";
  text += fmt::format("{} delivered, {} failed, {} up to date\n", results.size() - failed, failed,
                      planned - results.size());
  context.print(text);
}

ExitCode run(const Arguments& arguments, const CommandContext& context) {
  const DeliverOptions& options = arguments.options;
  if (options.registry.empty() && !(options.sign_key.empty() && options.kernels.empty()))
    fail(ExitCode::kUsage,
         "--sign-key and --kernels belong to packages, which are made with --registry");
  std::vector<Delivery> plan = plan_delivery(options, context.reporter);
  if (arguments.dry_run) {
    print_plan(plan, context);
    return ExitCode::kDone;
  }
  if (options.output.empty())
    fail(ExitCode::kUsage, "deliver: --output OUT is required (or --dry-run)");
  std::vector<DeliveryResult> results = deliver(options, plan, context.reporter);
  print_results(results, plan.size(), context);
  for (const DeliveryResult& one : results)
    if (!one.error.empty()) return one.code;
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  DeliverOptions& options = arguments->options;
  app.add_option("SPEC", options.spec, "mlc_llm's delivery list, in JSON")
      ->required()
      ->type_name("PATH");
  app.add_option("--username", options.username, "{username} of the destinations")
      ->required()
      ->type_name("NAME");
  app.add_option("-o,--output", options.output, "folder for the model folders and packages")
      ->type_name("FOLDER");
  app.add_option("--log", options.log, "what was delivered: read, and written after each success")
      ->capture_default_str()
      ->type_name("PATH");
  app.add_option("--registry", options.registry,
                 "package the models, too, and push them there: oci://host/{model_id}, in lower "
                 "case, with the quantization as tag")
      ->type_name("REFERENCE");
  app.add_option("--kernels", options.kernels, "kernels of the packages: own, or a package of them")
      ->type_name("PATH");
  app.add_option("--sign-key", options.sign_key, "PEM private key that signs the packages")
      ->type_name("PATH");
  app.add_option("--version-of-packages", options.version, "their semantic version")
      ->capture_default_str()
      ->type_name("V");
  add_registry_options(app, options.transfer);
  app.add_flag("--allow-http", options.transfer.allow_http,
               "take http:// of other machines, too, which is not encrypted");
  app.add_option("--hf-local-dir", options.hf_local_dir,
                 "look for NAME of HF://owner/NAME in this folder before the hub's cache")
      ->type_name("FOLDER");
  app.add_option("--threads", options.threads, "0: all usable CPUs")
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("--dry-run", arguments->dry_run, "print what is to be done, and do nothing");
  return [arguments](const CommandContext& context) { return run(*arguments, context); };
}

}  // namespace

const Command kDeliver = {"deliver", "convert, check and publish what a list of models asks for",
                          setup};

}  // namespace mlc
