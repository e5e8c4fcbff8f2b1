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

// Appends `text` in the column of descriptions, broken at spaces and at each line end of its own,
// after `column` columns are taken on the current line.
void append_wrapped(std::string& out, std::string_view text, std::size_t column) {
  if (column + 2 > kIndent) {
    out += '\n';
    column = 0;
  }
  while (!text.empty()) {
    std::string_view paragraph = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(paragraph.size() + 1, text.size()));
    // A paragraph's own indentation holds for all of its lines.
    std::size_t indent = kIndent + std::min(paragraph.find_first_not_of(' '), paragraph.size());
    paragraph.remove_prefix(indent - kIndent);
    do {
      std::size_t room = kWidth - indent;
      std::size_t end = paragraph.size();
      if (end > room) end = paragraph.rfind(' ', room);
      if (end == std::string_view::npos) end = std::min(paragraph.find(' '), paragraph.size());
      out += std::string(indent - column, ' ');
      out += paragraph.substr(0, end);
      out += '\n';
      column = 0;
      paragraph.remove_prefix(std::min(end + 1, paragraph.size()));
    } while (!paragraph.empty());
  }
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
  // CLI11's name for "any text" says nothing where only some words are allowed.
  if (type == "TEXT" && !choices_of(option).empty()) type = "NAME";
  return fmt::format("  {}{}{}", fmt::join(names, ", "), type.empty() ? "" : " ", type);
}

std::string description(const CLI::Option& option) {
  std::string text = option.get_description();
  // A description of several lines explains its choices itself, one line each.
  std::size_t first_line = std::min(text.find('\n'), text.size());
  std::string more;
  std::vector<std::string> choices = choices_of(option);
  if (!choices.empty() && first_line == text.size())
    more += fmt::format(": {}", fmt::join(choices, ", "));
  if (!option.get_default_str().empty())
    more += fmt::format(" (default: {})", option.get_default_str());
  if (option.get_required() && option.nonpositional()) more += " (required)";
  return text.insert(first_line, more);
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
