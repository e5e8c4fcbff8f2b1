// `mlc inspect`: of packages by this room, of all else by convert/.
#include <memory>

#include <CLI/CLI.hpp>

#include "convert/inspect.h"
#include "package/command.h"
#include "package/inspect_package.h"

namespace mlc {
namespace {

struct Arguments {
  std::string path;
  std::string explain;
  bool tree = false;
  bool allow_http = false;
};

ExitCode show_package(const Arguments& arguments, const CommandContext& context) {
  if (arguments.tree) fail(ExitCode::kUsage, "inspect: --tree is for tensors, not for packages");
  InspectedPackage package = inspect_package(arguments.path);
  if (!arguments.explain.empty()) package.devices = explained_devices(arguments.explain);
  context.print_list(context.json ? dump_json(package_json(package)) + "\n"
                                  : package_text(package));
  return ExitCode::kDone;
}

ExitCode run(const Arguments& arguments, const CommandContext& context) {
  if (is_layout(parse_layout_place(arguments.path).path)) return show_package(arguments, context);
  if (!arguments.explain.empty())
    fail(ExitCode::kUsage, "inspect: --explain is for packages with kernels, {} is none",
         printable(arguments.path, 1000));
  if (arguments.tree && context.json)
    fail(ExitCode::kUsage, "inspect: --tree is for people; --json lists the tensors one by one");
  Inspected inspected = inspect(arguments.path, arguments.allow_http);
  for (const std::string& warning : inspected.warnings)
    context.reporter.warn(warning);
  context.print_list(context.json     ? dump_json(inspect_json(inspected)) + "\n"
                     : arguments.tree ? inspect_tree(inspected)
                                      : inspect_text(inspected));
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_option(
         "PATH", a->path,
         "folder or file of a checkpoint (safetensors, PyTorch, GGUF), its index, a LoRA "
         "adapter, or a converted model; HF://owner/name[@revision] or the https:// address of "
         "a file, of which only headers are fetched (HF_TOKEN, HF_ENDPOINT); or a package, or "
         "PACKAGE:TAG")
      ->required()
      ->type_name("PATH");
  app.add_flag("--tree", a->tree, "fold the names by their dots, and show equal layers once");
  app.add_flag("--allow-http", a->allow_http,
               "take http:// addresses of other machines, too, which are not encrypted");
  app.add_option("--explain", a->explain,
                 "of a package's kernels: why this device gets which variant; a name from \"mlc "
                 "devices\", or a file of \"mlc devices --json\"")
      ->type_name("DEVICE|FILE");
  return [a](const CommandContext& context) { return run(*a, context); };
}

}  // namespace

const Command kInspect = {"inspect", "show a checkpoint's or a model's tensors, or a package",
                          setup};

}  // namespace mlc
