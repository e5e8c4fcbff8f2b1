// `mlc diff`.
#include <memory>

#include <CLI/CLI.hpp>

#include "verify/command.h"
#include "verify/diff.h"

namespace mlc {
namespace {

struct Arguments {
  DiffOptions options;
  DiffReport report;
};

ExitCode run(const Arguments& arguments, const CommandContext& context) {
  Diff diff = run_diff(arguments.options, context.reporter);
  context.print(context.json ? dump_json(diff_json(diff), 2) + "\n"
                             : diff_text(diff, arguments.report));
  return diff.equal() ? ExitCode::kDone : ExitCode::kVerify;
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_option("A", a->options.a,
                 "folder of a converted model, or a package; HF://owner/name or "
                 "oci://HOST/REPOSITORY:TAG too")
      ->required()
      ->type_name("PATH");
  app.add_option("B", a->options.b, "the one to compare it with")->required()->type_name("PATH");
  app.add_flag("--all", a->report.all,
               fmt::format("show every row, not {} of each table", DiffReport::kShown));
  app.add_flag("--brief", a->report.brief, "print one line: equal, or how much differs");
  app.add_option("--threads", a->options.threads, "how many CPUs to use; 0: all")
      ->capture_default_str()
      ->check(CLI::Range(0U, 1024U))
      ->type_name("N");
  return [a](const CommandContext& context) {
    for (std::string* folder : {&a->options.a, &a->options.b})
      *folder = context.local_folder(*folder, Fetch::kPackage, "auto");
    return run(*a, context);
  };
}

}  // namespace

const Command kDiff = {"diff", "show where two converted models differ, and by how much", setup};

}  // namespace mlc
