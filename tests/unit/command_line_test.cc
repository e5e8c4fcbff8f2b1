#include "cli/command_line.h"

#include <array>

#include <gtest/gtest.h>

namespace mlc {
namespace {

struct Options {
  std::string config, quantization, output;
  std::string rule = "new";
  int threads = 0;
  bool force = false;
};
Options ran;

RunCommand set_up_convert(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("CONFIG", options->config, "config.json or its folder")
      ->type_name("PATH")
      ->required();
  one_of(app.add_option("--quantization", options->quantization, "the scheme: what it's called")
             ->type_name("Q")
             ->required(),
         {"q0f16", "q4f16_1"});
  app.add_option("-o,--output", options->output, "where to write")->type_name("FOLDER")->required();
  app.add_option("--threads", options->threads, "how many [0: all]")
      ->type_name("N")
      ->capture_default_str();
  one_of(
      app.add_option("--rule", options->rule,
                     "which rule\n  old: as it was before, when everything was better and longer "
                     "than it is now\n  new: now")
          ->capture_default_str(),
      {"old", "new"});
  app.add_flag(
      "--force", options->force,
      "replace what is there, whatever it is, and say nothing at all about having done so");
  return [options](const CommandContext& context) {
    ran = *options;
    context.print(context.json ? "{}" : "done\n");
    return ExitCode::kVerify;
  };
}

}  // namespace

// The program's table, as this test has it.
std::span<const Command> all_commands() {
  static const std::array kCommands = {Command{"convert", "convert it", set_up_convert}, kHelp,
                                       kCompletion};
  return kCommands;
}

namespace {

// Runs and gives what was printed, and the exit code.
std::pair<std::string, ExitCode> run(std::vector<std::string> arguments) {
  SilentReporter reporter;
  std::string printed;
  CommandLine line = parse_command_line(std::move(arguments));
  ExitCode code = line.action({.reporter = reporter,
                               .print = [&](std::string_view text) { printed += text; },
                               .print_list = [&](std::string_view text) { printed += text; },
                               .json = line.common.json});
  return {printed, code};
}

// The usage error that the arguments cause.
std::string error_of(std::vector<std::string> arguments) {
  try {
    parse_command_line(std::move(arguments));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    return error.what();
  }
  return "no error";
}

TEST(CommandLine, FillsTheOptionsAndReturnsTheCommandsCode) {
  auto [printed, code] =
      run({"convert", "model", "--quantization=q4f16_1", "-o", "out", "--threads", "3", "--force"});
  EXPECT_EQ(printed, "done\n");
  EXPECT_EQ(code, ExitCode::kVerify);
  EXPECT_EQ(ran.config, "model");
  EXPECT_EQ(ran.quantization, "q4f16_1");
  EXPECT_EQ(ran.output, "out");
  EXPECT_EQ(ran.threads, 3);
  EXPECT_TRUE(ran.force);
}

TEST(CommandLine, ValuesDoNotOutliveOneParse) {
  run({"convert", "a", "--quantization", "q0f16", "-o", "x", "--threads", "3", "--force"});
  run({"convert", "b", "--quantization", "q0f16", "-o", "x"});
  EXPECT_EQ(ran.threads, 0);
  EXPECT_FALSE(ran.force);
}

TEST(CommandLine, CommonOptionsArePartOfEveryStage) {
  std::vector<std::string> line = {"convert", "m", "--quantization", "q0f16", "-o", "x"};
  EXPECT_FALSE(parse_command_line(line).common.json);
  line.insert(line.end(), {"--json", "--quiet"});
  EXPECT_TRUE(parse_command_line(line).common.json);
  EXPECT_TRUE(parse_command_line(line).common.quiet);
  EXPECT_EQ(run(line).first, "{}");
}

TEST(CommandLine, ArgumentsThatAreNamesOfCommandsStayArguments) {
  run({"convert", "help", "--quantization", "q0f16", "-o", "convert"});
  EXPECT_EQ(ran.config, "help");
  EXPECT_EQ(ran.output, "convert");
  run({"convert", "--quantization", "q0f16", "-o", "x", "--", "-odd-name"});
  EXPECT_EQ(ran.config, "-odd-name");
}

TEST(CommandLine, ErrorsNameTheOption) {
  const std::string see = "; see \"mlc help convert\"";
  EXPECT_EQ(error_of({"convert", "m", "--quantisation", "q0f16", "-o", "x"}),
            "unknown option --quantisation; did you mean --quantization?" + see);
  EXPECT_EQ(error_of({"convert", "m", "--quantisation=q0f16", "-o", "x"}),
            "unknown option --quantisation; did you mean --quantization?" + see);
  EXPECT_EQ(error_of({"convert", "m", "--quantization", "q4f16", "-o", "x"}),
            "--quantization: \"q4f16\" is none of q0f16, q4f16_1; did you mean q4f16_1?" + see);
  EXPECT_EQ(error_of({"convert", "m", "--quantization", "zzz", "-o", "x"}),
            "--quantization: \"zzz\" is none of q0f16, q4f16_1" + see);
  EXPECT_EQ(error_of({"convert", "m", "--quantization", "q0f16"}), "--output is required" + see);
  EXPECT_EQ(error_of({"convert", "--quantization", "q0f16", "-o", "x"}),
            "CONFIG is required" + see);
  EXPECT_EQ(error_of({"convert", "m", "n", "--quantization", "q0f16", "-o", "x"}),
            "unexpected argument \"n\"" + see);
  EXPECT_EQ(error_of({"convert", "m", "--quantization", "q0f16", "-o", "x", "--threads", "abc"}),
            "could not convert: --threads = abc" + see);
  EXPECT_NE(error_of({"convert", "m", "--quantization"}).find("--quantization"), std::string::npos);
  EXPECT_NE(
      error_of({"convert", "m", "-o", "x", "-o", "y", "--quantization", "q0f16"}).find("--output"),
      std::string::npos);
}

TEST(CommandLine, UnknownCommandsGetASuggestion) {
  EXPECT_EQ(error_of({"convrt"}),
            "unknown command \"convrt\"; did you mean convert? (commands: convert, help, "
            "completion)");
  EXPECT_EQ(error_of({""}), "unknown command \"\" (commands: convert, help, completion)");
  EXPECT_EQ(error_of({}),
            "no command given (commands: convert, help, completion); see \"mlc help\"");
}

TEST(Help, ListsWhatTheTableHolds) {
  auto [text, code] = run({"help", "convert"});
  EXPECT_EQ(
      text,
      "usage: mlc convert [OPTIONS] CONFIG\n\n"
      "convert it\n\n"
      "arguments:\n"
      "  CONFIG                    config.json or its folder\n\n"
      "options:\n"
      "  -h, --help                print this text\n"
      "  --quantization Q          the scheme: what it's called: q0f16, q4f16_1 (required)\n"
      "  -o, --output FOLDER       where to write (required)\n"
      "  --threads N               how many [0: all] (default: 0)\n"
      "  --rule NAME               which rule (default: new)\n"
      "                              old: as it was before, when everything was better and longer "
      "than\n"
      "                              it is now\n"
      "                              new: now\n"
      "  --force                   replace what is there, whatever it is, and say nothing at all "
      "about\n"
      "                            having done so\n"
      "  --json                    print the result as JSON, and events as JSON lines on stderr\n"
      "  --quiet                   print no progress and no notes; warnings and errors remain\n");
  EXPECT_EQ(run({"convert", "--help"}).first, text);
}

TEST(Completion, KnowsOptionsChoicesAndPaths) {
  std::string bash = bash_completion();
  EXPECT_NE(bash.find("--quantization) mapfile -t COMPREPLY < <(compgen -W 'q0f16 q4f16_1'"),
            std::string::npos);
  EXPECT_NE(bash.find("--output|-o) mapfile -t COMPREPLY < <(compgen -d"), std::string::npos);
  EXPECT_NE(bash.find("--threads) COMPREPLY=()"), std::string::npos);
  EXPECT_EQ(bash.find("--force)"), std::string::npos);
  std::string zsh = zsh_completion();
  EXPECT_NE(zsh.find("'--quantization=[the scheme\\: what it'\\''s called]:Q:(q0f16 q4f16_1)'"),
            std::string::npos);
  EXPECT_NE(zsh.find("'--threads=[how many \\[0\\: all\\]]:N: '"), std::string::npos);
  EXPECT_NE(zsh.find("':CONFIG:_files'"), std::string::npos);
  EXPECT_NE(zsh.find("'-o[where to write]:FOLDER:_files -/'"), std::string::npos);
}

}  // namespace
}  // namespace mlc
