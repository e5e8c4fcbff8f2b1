// Completion scripts for bash and zsh, written from the tables of options.
#include <memory>
#include <utility>

#include <fmt/ranges.h>

#include "cli/command_line.h"

namespace mlc {
namespace {

// What may stand for the value of an option or positional.
struct Values {
  std::vector<std::string> words;
  bool paths = false;
  bool folders_only = false;
};

Values values_of(const CLI::Option& option) {
  Values values;
  std::string type = type_of(option);
  values.words = choices_of(option);
  if (type == "COMMAND")
    for (const Command& command : all_commands())
      values.words.emplace_back(command.name);
  values.folders_only = type == "FOLDER";
  values.paths = type == "PATH" || values.folders_only;
  return values;
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames())
    names.push_back("--" + name);
  for (const std::string& name : option.get_snames())
    names.push_back("-" + name);
  return names;
}

// The reply to one place on the command line, as a bash statement; "" when nothing is known.
std::string bash_reply(const Values& values) {
  if (values.folders_only) return "mapfile -t COMPREPLY < <(compgen -d -- \"$word\")";
  if (values.paths) return "mapfile -t COMPREPLY < <(compgen -f -- \"$word\")";
  if (values.words.empty()) return "";
  return fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")",
                     fmt::join(values.words, " "));
}

void append_bash_command(std::string& out, const PreparedCommand& command) {
  std::vector<std::string> names;
  std::string after;  // the word before decides: it may be an option that takes a value
  for (const CLI::Option* option : options_of(*command.app)) {
    std::vector<std::string> own = names_of(*option);
    names.insert(names.end(), own.begin(), own.end());
    if (type_of(*option).empty()) continue;
    std::string reply = bash_reply(values_of(*option));
    after += fmt::format("        {}) {}; return ;;\n", fmt::join(own, "|"),
                         reply.empty() ? "COMPREPLY=()" : reply);
  }
  Values options{.words = names};
  std::string positional;
  for (const CLI::Option* option : positionals_of(*command.app))
    if (positional.empty()) positional = bash_reply(values_of(*option));
  out += fmt::format("    {})\n      case $previous in\n{}        *) ;;\n      esac\n",
                     command.command->name, after);
  out += fmt::format("      case $word in\n        -*) {} ;;\n        *) {} ;;\n      esac ;;\n",
                     bash_reply(options), positional.empty() ? "COMPREPLY=()" : positional);
}

// Inside single quotes; in a zsh specification ':' '[' ']' and '\' also need a backslash.
std::string zsh_quoted(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// ":what:how" of a value.
std::string zsh_action(const CLI::Option& option, const std::string& what) {
  Values values = values_of(option);
  std::string how = " ";  // a space: a value follows, but nothing is known about it
  if (!values.words.empty()) how = fmt::format("({})", fmt::join(values.words, " "));
  if (values.paths) how = "_files";
  if (values.folders_only) how = "_files -/";
  return fmt::format(":{}:{}", zsh_quoted(what), how);
}

void append_zsh_command(std::string& out, const PreparedCommand& command) {
  out += fmt::format("    {})\n      _arguments", command.command->name);
  for (const CLI::Option* option : options_of(*command.app))
    for (const std::string& name : names_of(*option)) {
      std::string type = type_of(*option);
      // "--name=" takes the value in the same word or in the next one.
      std::string_view sign = type.empty() || !name.starts_with("--") ? "" : "=";
      out += fmt::format(" \\\n        '{}{}[{}]{}'", name, sign,
                         zsh_quoted(first_line(option->get_description())),
                         type.empty() ? "" : zsh_action(*option, type));
    }
  for (const CLI::Option* option : positionals_of(*command.app))
    out += fmt::format(" \\\n        '{}'", zsh_action(*option, option->get_name()));
  out += " ;;\n";
}

RunCommand set_up_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  one_of(app.add_option("SHELL", *shell, "the shell to write for")->required(), {"bash", "zsh"});
  app.footer(
      "bash: source <(mlc completion bash)\n"
      "zsh:  mlc completion zsh > \"${fpath[1]}/_mlc\"");
  return [shell](const CommandContext& context) {
    context.print(*shell == "bash" ? bash_completion() : zsh_completion());
    return ExitCode::kDone;
  };
}

}  // namespace

const Command kCompletion = {"completion", "print a completion script for bash or zsh",
                             set_up_completion, /*common_options=*/false};

std::string bash_completion() {
  std::vector<std::string> names;
  std::string cases;
  for (const Command& command : all_commands()) {
    names.emplace_back(command.name);
    append_bash_command(cases, prepare(command));
  }
  Values first{.words = names};
  first.words.insert(first.words.end(), {"--help", "--version"});
  return fmt::format(
      "# bash completion for mlc, made by \"mlc completion bash\"\n"
      "_mlc() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    {}\n"
      "    return\n"
      "  fi\n"
      "  case ${{COMP_WORDS[1]}} in\n{}"
      "    *) COMPREPLY=() ;;\n"
      "  esac\n"
      "}}\n"
      "complete -o filenames -F _mlc mlc\n",
      bash_reply(first), cases);
}

std::string zsh_completion() {
  std::string list, cases;
  for (const Command& command : all_commands()) {
    list += fmt::format("      '{}:{}'\n", command.name, zsh_quoted(command.help));
    append_zsh_command(cases, prepare(command));
  }
  return fmt::format(
      "#compdef mlc\n"
      "# zsh completion for mlc, made by \"mlc completion zsh\"\n"
      "_mlc() {{\n"
      "  if ((CURRENT == 2)); then\n"
      "    local -a commands=(\n{}    )\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $command in\n{}"
      "  esac\n"
      "}}\n"
      "if [[ $funcstack[1] == _mlc ]]; then _mlc \"$@\"; else compdef _mlc mlc; fi\n",
      list, cases);
}

}  // namespace mlc
