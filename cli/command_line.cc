#include "cli/command_line.h"

#include <algorithm>
#include <utility>

#include "base/spelling.h"

namespace mlc {
namespace {

// "; did you mean X?" when something known is close.
std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  std::vector<std::string> nearest = nearest_names(word, known);
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest[0]);
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command& command : all_commands())
    names.emplace_back(command.name);
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options_of(app)) {
    for (const std::string& name : option->get_lnames())
      names.push_back("--" + name);
    for (const std::string& name : option->get_snames())
      names.push_back("-" + name);
  }
  return names;
}

// What CLI11 could not place says more than its first complaint: with a mistyped required option,
// the mistake is the typing.
std::string explain(const PreparedCommand& command, const CLI::ParseError& error) {
  for (const std::string& word : command.app->remaining()) {
    if (word.size() < 2 || word[0] != '-' || word == "--") continue;
    std::string name = word.substr(0, word.find('='));
    return fmt::format("unknown option {}{}", printable(name),
                       suggestion(name, option_names(*command.app)));
  }
  if (std::vector<std::string> extra = command.app->remaining(); !extra.empty())
    return fmt::format("unexpected argument \"{}\"", printable(extra[0]));
  std::string what = printable(error.what(), 2000);
  if (!what.empty() && what[0] >= 'A' && what[0] <= 'Z' && what.size() > 1 && what[1] >= 'a')
    what[0] = static_cast<char>(what[0] - 'A' + 'a');
  return what;
}

CommandLine print_and_end(std::string text) {
  CommandLine line;
  line.action = [text = std::move(text)](const CommandContext& context) {
    context.print(text);
    return ExitCode::kDone;
  };
  return line;
}

}  // namespace

PreparedCommand prepare(const Command& command) {
  PreparedCommand prepared;
  prepared.command = &command;
  prepared.app = std::make_unique<CLI::App>(std::string(command.help), std::string(command.name));
  prepared.app->set_help_flag("-h,--help", "print this text");
  prepared.run = command.setup(*prepared.app);
  if (command.common_options) {
    prepared.common = std::make_unique<CommonOptions>();
    prepared.app->add_flag("--json", prepared.common->json,
                           "print the result as JSON, and events as JSON lines on stderr");
    prepared.app->add_flag("--quiet", prepared.common->quiet,
                           "print no progress and no notes; warnings and errors remain");
  }
  return prepared;
}

const Command& find_command(std::string_view name) {
  for (const Command& command : all_commands())
    if (command.name == name) return command;
  std::vector<std::string> names = command_names();
  fail(ExitCode::kUsage, "unknown command \"{}\"{} (commands: {})", printable(name),
       suggestion(name, names), fmt::join(names, ", "));
}

CommandLine parse_command_line(std::vector<std::string> arguments) {
  if (arguments.empty())
    fail(ExitCode::kUsage, "no command given (commands: {}); see \"mlc help\"",
         fmt::join(command_names(), ", "));
  const std::string& first = arguments[0];
  if (first == "--help" || first == "-h") return print_and_end(program_help());
  if (first == "--version") return print_and_end("mlc " MLC_VERSION "\n");
  if (!first.empty() && first[0] == '-')
    fail(ExitCode::kUsage, "unknown option {}{}; see \"mlc help\"", printable(first),
         suggestion(first, {"--help", "--version"}));

  auto command = std::make_shared<PreparedCommand>(prepare(find_command(first)));
  // CLI11 takes the arguments last one first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend() - 1);
  try {
    command->app->parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return print_and_end(command_help(*command));
  } catch (const CLI::ParseError& error) {
    fail(ExitCode::kUsage, "{}; see \"mlc help {}\"", explain(*command, error),
         command->command->name);
  }
  CommandLine line;
  if (command->common) line.common = *command->common;
  line.action = [command](const CommandContext& context) { return command->run(context); };
  return line;
}

// CLI11 appends the descriptions of an option's validators to its type: "TEXT:{a,b}".
std::vector<std::string> choices_of(const CLI::Option& option) {
  std::vector<std::string> choices;
  std::string type = option.get_type_name();
  std::size_t open = type.find(":{");
  std::size_t close = type.find('}', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return choices;
  for (std::size_t begin = open + 2; begin < close;) {
    std::size_t end = std::min(type.find(',', begin), close);
    choices.push_back(type.substr(begin, end - begin));
    begin = end + 1;
  }
  return choices;
}

std::string type_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return "";
  std::string type = option.get_type_name();
  return type.substr(0, type.find(':'));
}

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* o) { return o->nonpositional(); });
}

std::vector<const CLI::Option*> positionals_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* o) { return o->get_positional(); });
}

}  // namespace mlc
