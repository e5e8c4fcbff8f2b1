// The checkpoints' own templates against conversation templates.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "genconfig/chat_template.h"
#include "genconfig/compare_prompts.h"
#include "genconfig/conv_template.h"
#include "genconfig/jinja/run.h"

namespace fs = std::filesystem;
using namespace mlc;
using Kind = TemplateFinding::Kind;

namespace {

ChatTemplateSource source(const std::string& name, const std::string& bos = "",
                          const std::string& eos = "") {
  ChatTemplateSource s;
  s.text =
      read_file(std::string(MLC_TEST_DATA) + "/data/chat_templates/" + name + ".jinja", 1 << 20);
  s.where = name + ".jinja";
  s.bos_token = bos;
  s.eos_token = eos;
  return s;
}

TemplateFinding check(const ChatTemplateSource& s, const char* row) {
  const ConvTemplate* found = find_conv_template(row);
  if (found == nullptr) throw std::runtime_error(row);
  return check_chat_template(s, *found);
}

const std::string kDeepseekBos = "<｜begin▁of▁sentence｜>", kDeepseekEos = "<｜end▁of▁sentence｜>";

struct Case {
  const char* file;
  std::string bos, eos;
  const char* row;
  Kind kind;
  const char* summary;  // a part of it
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.file << " " << c.row; }

class Pairs : public ::testing::TestWithParam<Case> {};

TEST_P(Pairs, Compare) {
  const Case& c = GetParam();
  const TemplateFinding f = check(source(c.file, c.bos, c.eos), c.row);
  EXPECT_EQ(f.kind, c.kind) << f.summary << "\n" << f.detail;
  EXPECT_NE(f.summary.find(c.summary), std::string::npos) << f.summary;
}

const char *kLlamaBos = "<|begin_of_text|>", *kLlamaEos = "<|eot_id|>";

INSTANTIATE_TEST_SUITE_P(
    Right, Pairs,
    ::testing::Values(
        Case{"llama-3", kLlamaBos, kLlamaEos, "llama-3", Kind::kEqual, "equals"},
        Case{"llama-3.1", kLlamaBos, kLlamaEos, "llama-3_1", Kind::kHarmless, "preamble"},
        Case{"qwen2.5", "", "<|im_end|>", "qwen2", Kind::kHarmless, "a system message of its own"},
        Case{"qwen3", "", "<|im_end|>", "qwen3", Kind::kEqual, "equals"},
        Case{"mistral", "<s>", "</s>", "mistral_default", Kind::kHarmless,
             "ends each answer with </s>"},
        Case{"phi-3", "<s>", "<|endoftext|>", "phi-3", Kind::kHarmless, "takes no system message"},
        Case{"gemma-2", "<bos>", "<eos>", "gemma_instruction", Kind::kHarmless,
             "takes no system message"},
        Case{"gemma-3", "<bos>", "<eos>", "gemma3_instruction", Kind::kHarmless,
             "would be written differently"},
        Case{"chatml", "<s>", "</s>", "chatml", Kind::kEqual, "equals"},
        Case{"deepseek-v2", kDeepseekBos, kDeepseekEos, "deepseek_v2", Kind::kHarmless,
             "would be written"},
        Case{"deepseek-v3", kDeepseekBos, kDeepseekEos, "deepseek_v3", Kind::kEqual, "equals"},
        Case{"command-r", "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "aya-23", Kind::kEqual,
             "equals"}));

INSTANTIATE_TEST_SUITE_P(
    Wrong, Pairs,
    ::testing::Values(
        Case{"llama-3", kLlamaBos, kLlamaEos, "llama-2", Kind::kDifferent,
             "before the first message"},
        Case{"llama-3", kLlamaBos, kLlamaEos, "chatml", Kind::kDifferent, "begins a text"},
        Case{"qwen2.5", "", "<|im_end|>", "llama-3", Kind::kDifferent, "before the first message"},
        Case{"qwen3", "", "<|im_end|>", "gemma_instruction", Kind::kDifferent, "before the first"},
        Case{"qwen3", "", "<|im_end|>", "LM", Kind::kDifferent,
             "between a question and its answer"},
        Case{"gemma-2", "<bos>", "<eos>", "phi-3", Kind::kDifferent, "before the first"},
        // Nothing but spaces, which are tokens of their own.
        Case{"mistral-v0.3", "<s>", "</s>", "mistral_default", Kind::kDifferent,
             "between a question"},
        // mlc_llm does not end the system message.
        Case{"phi-3-system", "<s>", "<|endoftext|>", "phi-3", Kind::kDifferent,
             "around the system message"},
        Case{"chatml", "", "", "chatml_nosystem", Kind::kHarmless,
             "would be written differently"}));

TEST(TemplateCheck, ShowsTheFirstDifference) {
  const TemplateFinding f = check(source("qwen3", "", "<|im_end|>"), "phi-3");
  EXPECT_TRUE(f.is_warning());
  EXPECT_EQ(
      f.detail,
      "  checkpoint  <|im_start|>user\\nHow far can one see from here?<|im_end|>\\n<|im...\n"
      "  phi-3       <|user|>\\nHow far can one see from here?<|end|>\\n<|assistant|>\\nA...\n"
      "                ^ byte 2");
}

TEST(TemplateCheck, SideBySideKeepsCharactersWhole) {
  EXPECT_EQ(side_by_side("a", "xé\n\x1b", "bb", "xè"),
            "  a   xé\\n\\x1b\n"
            "  bb  xè\n"
            "       ^ byte 1");
  const std::string head(60, 'h');
  EXPECT_EQ(side_by_side("a", head + "\t", "b", head),
            "  a  ..." + head.substr(20) + "\\t\n  b  ..." + head.substr(20) + "\n  " +
                std::string(46, ' ') + "^ byte 60");
}

TEST(TemplateCheck, TemplatesThatFailAreUnchecked) {
  ChatTemplateSource s;
  s.where = "t";
  const std::pair<const char*, const char*> cases[] = {
      {"{{ raise_exception('never') }}",
       "t: line 1: the template refuses this conversation: never"},
      {"\n{% if %}", "t: line 2: expected an expression"},
      {"{% include 'x' %}", "t: line 1: the tag \"include\" is not supported"},
      {"nothing", "leaves out messages"},
      {"{{ messages[0].content }}", "leaves out messages"},
  };
  for (const auto& [text, summary] : cases) {
    s.text = text;
    const TemplateFinding f = check(s, "chatml");
    EXPECT_EQ(f.kind, Kind::kUnchecked) << text;
    EXPECT_NE(f.summary.find(summary), std::string::npos) << f.summary;
    EXPECT_NE(f.summary.find("chatml was not checked"), std::string::npos) << f.summary;
  }
}

TEST(TemplateCheck, TemplatesWithoutAnEndAreErrors) {
  ChatTemplateSource s;
  s.where = "t";
  s.text = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
  EXPECT_THROW(check(s, "chatml"), jinja::LimitError);
  s.text = std::string(10 << 20, 'x');
  EXPECT_THROW(check(s, "chatml"), jinja::LimitError);
}

class Folder : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("template_check_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + "." +
               std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const char* name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  fs::path folder_;
};

TEST_F(Folder, WithoutTemplate) {
  EXPECT_FALSE(find_chat_template(folder_.string()));
  put("tokenizer_config.json", R"({"bos_token": "<s>", "chat_template": null})");
  EXPECT_FALSE(find_chat_template(folder_.string()));
  EXPECT_EQ(check_chat_template(folder_.string(), *find_conv_template("chatml")).kind,
            Kind::kNoTemplate);
}

TEST_F(Folder, FilesInTheOrderOfTransformers) {
  put("chat_template.json", R"({"chat_template": "json"})");
  auto s = find_chat_template(folder_.string());
  ASSERT_TRUE(s);
  EXPECT_EQ(s->text, "json");
  put("tokenizer_config.json",
      R"({"bos_token": {"content": "<s>", "special": true}, "eos_token": "</s>", "pad_token": null,
          "chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]})");
  s = find_chat_template(folder_.string());
  ASSERT_TRUE(s);
  EXPECT_EQ(s->text, "D");
  EXPECT_EQ(s->where, (folder_ / "tokenizer_config.json").string() + ": chat_template \"default\"");
  EXPECT_EQ(s->bos_token, "<s>");
  EXPECT_EQ(s->eos_token, "</s>");
  EXPECT_EQ(s->pad_token, "");
  put("chat_template.jinja", "jinja");
  s = find_chat_template(folder_.string());
  ASSERT_TRUE(s);
  EXPECT_EQ(s->text, "jinja");
  EXPECT_EQ(s->bos_token, "<s>");
}

TEST_F(Folder, FilesThatAreWrong) {
  put("tokenizer_config.json", R"({"chat_template": 5})");
  EXPECT_THROW(find_chat_template(folder_.string()), Error);
  put("tokenizer_config.json", R"({"chat_template": [{"name": "x"}]})");
  EXPECT_THROW(find_chat_template(folder_.string()), Error);
  put("tokenizer_config.json", R"([])");
  EXPECT_THROW(find_chat_template(folder_.string()), Error);
}

}  // namespace
