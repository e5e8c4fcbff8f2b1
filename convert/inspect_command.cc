#include <memory>

#include <CLI/CLI.hpp>

#include "convert/command.h"
#include "convert/inspect.h"

namespace mlc {
namespace {

struct Arguments {
  std::string path;
  bool tree = false;
  bool allow_http = false;
};

ExitCode run(const Arguments& arguments, const CommandContext& context) {
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
         "a file, of which only headers are fetched (HF_TOKEN, HF_ENDPOINT)")
      ->required()
      ->type_name("PATH");
  app.add_flag("--tree", a->tree, "fold the names by their dots, and show equal layers once");
  app.add_flag("--allow-http", a->allow_http,
               "take http:// addresses of other machines, too, which are not encrypted");
  return [a](const CommandContext& context) { return run(*a, context); };
}

}  // namespace

const Command kInspect = {"inspect", "show the tensors of a checkpoint or of a converted model",
                          setup};

}  // namespace mlc
