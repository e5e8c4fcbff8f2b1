// The texts of `mlc help` and `mlc COMMAND --help`, made from the tables of options.
#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/ranges.h>

#include "cli/command_line.h"

namespace mlc {
namespace {

constexpr std::size_t kWidth = 96;   // readable in any terminal that is not split
constexpr std::size_t kIndent = 28;  // where descriptions begin

// Appends `text`, broken at spaces, after `first` columns are taken on the current line.
void append_wrapped(std::string& out, std::string_view text, std::size_t column) {
  if (column + 2 > kIndent) {
    out += '\n';
    column = 0;
  }
  std::string line(kIndent - column, ' ');
  std::size_t used = kIndent;
  bool first = true;
  while (!text.empty()) {
    std::size_t end = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!first && used + 1 + word.size() > kWidth) {
      out += line + '\n';
      line = std::string(kIndent, ' ');
      used = kIndent;
      first = true;
    }
    if (!first) line += ' ';
    line += word;
    used += word.size() + (first ? 0 : 1);
    first = false;
  }
  out += line + '\n';
}

// "  -o, --output FOLDER" for an option, "  CONFIG" for a positional.
std::string title(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames())
    names.push_back("-" + name);
  for (const std::string& name : option.get_lnames())
    names.push_back("--" + name);
  if (names.empty()) return "  " + option.get_name();
  std::string type = type_of(option);
  return fmt::format("  {}{}{}", fmt::join(names, ", "), type.empty() ? "" : " ", type);
}

std::string description(const CLI::Option& option) {
  std::string text = option.get_description();
  std::vector<std::string> choices = choices_of(option);
  if (!choices.empty()) text += fmt::format(": {}", fmt::join(choices, ", "));
  if (!option.get_default_str().empty())
    text += fmt::format(" (default: {})", option.get_default_str());
  if (option.get_required() && option.nonpositional()) text += " (required)";
  return text;
}

void append_option(std::string& out, const CLI::Option& option) {
  std::string head = title(option);
  out += head;
  append_wrapped(out, description(option), head.size());
}

RunCommand set_up_help(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  app.add_option("COMMAND", *name, "the command to describe; without it, all are listed")
      ->type_name("COMMAND");
  return [name](const CommandContext& context) {
    context.print(name->empty() ? program_help() : command_help(prepare(find_command(*name))));
    return ExitCode::kDone;
  };
}

}  // namespace

const Command kHelp = {"help", "describe a command", set_up_help, /*common_options=*/false};

std::string program_help() {
  std::string out =
      "mlc " MLC_VERSION
      ": turns a Hugging Face checkpoint into a model that every MLC runtime loads\n\n"
      "usage: mlc COMMAND [OPTIONS]\n"
      "       mlc --version\n\n"
      "commands:\n";
  for (const Command& command : all_commands()) {
    std::string head = fmt::format("  {}", command.name);
    out += head;
    append_wrapped(out, command.help, head.size());
  }
  out +=
      "\n\"mlc help COMMAND\" describes the options of one.\n\n"
      "exit codes: 0 done, 2 usage, 3 bad input, 4 input/output, 5 network, 6 verification "
      "failed,\n"
      "            7 not supported here, 70 a bug of mlc, 128+N ended by signal N\n";
  return out;
}

std::string command_help(const PreparedCommand& command) {
  std::string usage = fmt::format("usage: mlc {} [OPTIONS]", command.command->name);
  std::vector<const CLI::Option*> positionals = positionals_of(*command.app);
  for (const CLI::Option* option : positionals)
    usage += option->get_required() ? " " + option->get_name() : " [" + option->get_name() + "]";
  std::string out = fmt::format("{}\n\n{}\n", usage, command.command->help);
  if (!positionals.empty()) out += "\narguments:\n";
  for (const CLI::Option* option : positionals)
    append_option(out, *option);
  out += "\noptions:\n";
  for (const CLI::Option* option : options_of(*command.app))
    append_option(out, *option);
  std::string footer = command.app->get_footer();
  if (!footer.empty()) out += "\n" + footer + "\n";
  return out;
}

}  // namespace mlc
