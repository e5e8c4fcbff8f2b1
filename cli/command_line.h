// From the program's arguments to the command that runs, and the texts made from the same tables:
// help and shell completion, which therefore can't drift from what is accepted.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/command.h"

namespace mlc {

// The rows of the program's table, defined beside main() (a test defines its own).
std::span<const Command> all_commands();

struct CommonOptions {
  bool json = false;
  bool quiet = false;
};

// One command with its declared options, not yet parsed.
struct PreparedCommand {
  const Command* command = nullptr;
  std::unique_ptr<CLI::App> app;
  RunCommand run;
  std::unique_ptr<CommonOptions> common;  // null where the command has none
};
PreparedCommand prepare(const Command& command);
const Command& find_command(std::string_view name);  // Error(kUsage) with the nearest name

// What the arguments ask for. `action` owns everything it needs.
struct CommandLine {
  RunCommand action;
  CommonOptions common;
};
// `arguments` without the program's name. Error(kUsage), naming the option, for whatever is wrong.
CommandLine parse_command_line(std::vector<std::string> arguments);

// The values that one_of() allows for this option or positional, else nothing.
std::vector<std::string> choices_of(const CLI::Option& option);
// Its type as declared (PATH, FOLDER, INT ...), "" for a flag.
std::string type_of(const CLI::Option& option);
// The options (not the positionals) in the order of their declaration.
std::vector<const CLI::Option*> options_of(const CLI::App& app);
std::vector<const CLI::Option*> positionals_of(const CLI::App& app);

std::string program_help();
std::string command_help(const PreparedCommand& command);
std::string bash_completion();
std::string zsh_completion();

extern const Command kHelp;        // mlc help [COMMAND]
extern const Command kCompletion;  // mlc completion bash|zsh

}  // namespace mlc
