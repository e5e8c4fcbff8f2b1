// Everything that the real gen_config wrote, reproduced byte for byte (tests/golden/gen_config).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "genconfig/command.h"

namespace fs = std::filesystem;

namespace mlc {
namespace {

std::string slurp(const fs::path& path) { return read_file(path.string(), 1 << 28); }

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

std::set<std::string> files_in(const fs::path& folder) {
  std::set<std::string> names;
  if (!fs::exists(folder)) return names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  std::size_t at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), by);
}

class GoldenGenConfig : public testing::Test {
 protected:
  void SetUp() override {
    out_ = fs::temp_directory_path() / ("mlc-gen-config-" + std::to_string(::getpid()));
    fs::remove_all(out_);
  }
  void TearDown() override { fs::remove_all(out_); }

  // The command, as main() runs it.
  void run(std::vector<std::string> args) {
    CLI::App app;
    RunCommand command = kGenConfig.setup(app);
    std::reverse(args.begin(), args.end());
    app.parse(args);
    SilentReporter reporter;
    auto print = [](std::string_view) {};
    command({.reporter = reporter, .print = print, .print_list = print, .json = false});
  }

  std::vector<std::string> args_of(const fs::path& folder, const fs::path& input) {
    std::vector<std::string> args = lines_of(folder / "args.txt");
    for (std::string& arg : args) {
      replace(arg, "{INPUT}", input.string());
      replace(arg, "{OUT}", out_.string());
    }
    return args;
  }

  static std::vector<fs::path> cases(const char* set) {
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(fs::path(MLC_TEST_DATA) / "golden" / set))
      if (entry.is_directory()) folders.push_back(entry.path());
    std::sort(folders.begin(), folders.end());
    return folders;
  }

  fs::path out_;
};

TEST_F(GoldenGenConfig, EveryConfigIsByteIdentical) {
  int count = 0;
  for (const fs::path& folder : cases("gen_config")) {
    if (!fs::exists(folder / "mlc-chat-config.json")) continue;
    SCOPED_TRACE(folder.filename().string());
    fs::remove_all(out_);
    ASSERT_NO_THROW(run(args_of(folder, folder / "input")));
    EXPECT_EQ(slurp(out_ / "mlc-chat-config.json"), slurp(folder / "mlc-chat-config.json"));
    std::vector<std::string> names = lines_of(folder / "output_files.txt");
    EXPECT_EQ(files_in(out_), std::set<std::string>(names.begin(), names.end()));
    for (const std::string& name : names) {
      if (!fs::exists(folder / "input" / name)) continue;
      EXPECT_EQ(slurp(out_ / name), slurp(folder / "input" / name)) << name;
    }
    count++;
  }
  std::cout << count << " outputs of gen_config are byte-identical\n";
  EXPECT_GE(count, 50);
}

// OUT is the checkpoint's own folder: mlc_llm fails there.
TEST_F(GoldenGenConfig, TheCheckpointsFolderCanBeTheOutput) {
  int count = 0;
  for (const fs::path& folder : cases("gen_config")) {
    if (!fs::exists(folder / "mlc-chat-config.json") || !fs::exists(folder / "input")) continue;
    SCOPED_TRACE(folder.filename().string());
    fs::remove_all(out_);
    fs::copy(folder / "input", out_, fs::copy_options::recursive);
    std::set<std::string> expected = files_in(out_);
    for (const std::string& name : lines_of(folder / "output_files.txt"))
      expected.insert(name);
    ASSERT_NO_THROW(run(args_of(folder, out_)));
    EXPECT_EQ(slurp(out_ / "mlc-chat-config.json"), slurp(folder / "mlc-chat-config.json"));
    EXPECT_EQ(files_in(out_), expected);
    count++;
  }
  std::cout << count << " checkpoints become model folders in place\n";
  EXPECT_GE(count, 30);
}

// mlc_llm's words are those of Python; the cause is the same, and nothing is left behind.
TEST_F(GoldenGenConfig, EveryErrorNamesItsCause) {
  const std::map<std::string, std::string> causes = {
      {"error_duplicate_added_tokens", "tokenizer.json"},
      {"error_gemma_relu", "hidden_activation is \"relu\""},
      {"error_missing_model_type", "model_type is missing"},
      {"error_pipeline_stages_too_many", "pipeline_parallel_stages is 3"},
      {"error_unknown_model_type", "model_type \"bloom\" is unknown"},
      {"error_unregistered_template_llama_default", "\"llama_default\" is none of"},
      {"error_unsupported_rope_scaling", "rope_scaling.rope_type is \"yarn\""},
  };
  int count = 0;
  for (const fs::path& folder : cases("gen_config")) {
    if (!fs::exists(folder / "error.txt")) continue;
    std::string name = folder.filename().string();
    SCOPED_TRACE(name);
    ASSERT_TRUE(causes.count(name));
    fs::remove_all(out_);
    try {
      run(args_of(folder, folder / "input"));
      ADD_FAILURE() << "no error";
    } catch (const std::exception& error) {
      EXPECT_NE(std::string(error.what()).find(causes.at(name)), std::string::npos) << error.what();
    }
    EXPECT_FALSE(fs::exists(out_));
    count++;
  }
  std::cout << count << " errors name the same cause\n";
  EXPECT_EQ(count, static_cast<int>(causes.size()));
}

// What a runtime of March 2024 (cpp/llm_chat.cc) does with a file: the keys that it requires, and
// those that it reads where they are there, all of which have to have kept their meaning.
void load_as_in_2024(const Json& config) {
  for (const char* name : {"temperature", "repetition_penalty", "top_p", "shift_fill_factor"})
    config.find(name)->as_double(name);
  for (const char* name : {"vocab_size", "mean_gen_len"})
    config.find(name)->as_size(name);
  ASSERT_NE(config.find("conv_template"), nullptr);
  for (const char* name : {"context_window_size", "sliding_window_size", "prefill_chunk_size",
                           "attention_sink_size", "max_gen_len"})
    if (const Json* value = config.find(name)) value->as_int(name);
  for (const char* name : {"presence_penalty", "frequency_penalty"})
    if (const Json* value = config.find(name)) value->as_double(name);
}

TEST_F(GoldenGenConfig, LegacyFilesLoadInRuntimesOf2024) {
  // What the versions of 2024 wrote otherwise, and why that does no harm: the defaults of sampling,
  // the cap of prefill_chunk_size, the template as text or with fewer keys, and the fields that
  // have been added to model_config.
  const std::set<std::string> changed = {"temperature",   "top_p",        "prefill_chunk_size",
                                         "conv_template", "model_config", "repetition_penalty"};
  int count = 0;
  for (const char* set : {"gen_config_2024_string_template", "gen_config_2024_object_template"})
    for (const fs::path& folder : cases(set)) {
      fs::path input =
          folder.parent_path().parent_path() / "gen_config" / folder.filename() / "input";
      if (!fs::exists(input)) continue;
      SCOPED_TRACE(folder.string());
      fs::remove_all(out_);
      std::vector<std::string> args = args_of(folder, input);
      args[0] = input.string();
      args.emplace_back("--legacy");
      run(args);
      Json ours = read_json_file((out_ / "mlc-chat-config.json").string());
      Json theirs = read_json_file((folder / "mlc-chat-config.json").string());
      load_as_in_2024(ours);
      load_as_in_2024(theirs);
      for (const Json::Member& member : theirs.members("config")) {
        ASSERT_NE(ours.find(member.first), nullptr) << member.first;
        if (changed.count(member.first)) continue;
        EXPECT_EQ(dump_json(*ours.find(member.first)), dump_json(member.second)) << member.first;
      }
      // And nothing but these three keys tells it from a file without --legacy.
      std::string legacy = slurp(out_ / "mlc-chat-config.json");
      args.pop_back();
      run(args);
      std::string today = slurp(out_ / "mlc-chat-config.json");
      today.replace(today.rfind("\n}"), 2,
                    ",\n  \"mean_gen_len\": 128,\n  \"max_gen_len\": 512,\n"
                    "  \"shift_fill_factor\": 0.3\n}");
      EXPECT_EQ(legacy, today);
      count++;
    }
  std::cout << count << " legacy files load as in 2024\n";
  EXPECT_GE(count, 10);
}

}  // namespace
}  // namespace mlc
