// The rows against mlc_llm's own dump of its templates, and conversations in their words.
#include "genconfig/conv_template.h"

#include <filesystem>
#include <iostream>
#include <set>

#include <gtest/gtest.h>

#include "base/error.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

TEST(ConvTemplates, AreMlcs) {
  Json expected =
      read_json_file((fs::path(MLC_TEST_DATA) / "golden" / "conv_templates.json").string());
  std::set<std::string> names;
  for (const Json::Member& member : expected.members("templates")) {
    const ConvTemplate* row = find_conv_template(member.first);
    ASSERT_NE(row, nullptr) << member.first;
    // The dump leaves out what is null; mlc-chat-config.json does not.
    Json full = conv_template_json(*row);
    Json ours = Json::object();
    for (const Json::Member& field : full.members("ours"))
      if (!field.second.is_null()) ours.set(field.first, field.second);
    EXPECT_EQ(dump_json(ours, 2), dump_json(member.second, 2));
    names.insert(member.first);
  }
  EXPECT_EQ(names.size(), conv_templates().size());
  std::cout << names.size() << " conversation templates are equal to mlc_llm's\n";
}

TEST(ConvTemplates, UnknownNameIsNull) {
  EXPECT_EQ(find_conv_template("llama_default"), nullptr);
  EXPECT_EQ(find_conv_template(""), nullptr);
}

std::string render(const char* name, const std::vector<ChatMessage>& messages, bool prompt = true) {
  return render_conversation(*find_conv_template(name), messages,
                             {.add_generation_prompt = prompt});
}

const std::vector<ChatMessage> kTwoTurns = {
    {"system", "Be brief."}, {"user", "One?"}, {"assistant", "1"}, {"user", "Two?"}};

TEST(Render, PutsRolesAndSeparatorsInPlace) {
  EXPECT_EQ(render("chatml", kTwoTurns),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n"
            "<|im_start|>assistant\n1<|im_end|>\n<|im_start|>user\nTwo?<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(render("gemma_instruction", {{"user", "One?"}}, false),
            "<start_of_turn>user\nOne?<end_of_turn>\n");
}

TEST(Render, SystemTextCanHoldTheFirstRole) {
  EXPECT_EQ(render("llama-2", kTwoTurns),
            "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nOne? [/INST] 1 </s><s>[INST] Two? [/INST] ");
  EXPECT_EQ(render("llama-4", kTwoTurns).substr(0, 25), "<|header_start|>user<|hea");
}

TEST(Render, TwoSeparatorsAreForUserAndAssistant) {
  EXPECT_EQ(render("deepseek_v2", kTwoTurns),
            "Be brief.User: One?\n\nAssistant: 1<｜end▁of▁sentence｜>User: Two?\n\nAssistant:");
}

TEST(Render, LeavesOutReasoningOfEarlierTurns) {
  std::vector<ChatMessage> thought = {
      {"user", "a"}, {"assistant", "<think>\nlong\n</think>\n\nb"}, {"user", "c"}};
  EXPECT_NE(render("qwen3", thought).find("assistant\nb<|im_end|>"), std::string::npos);
  EXPECT_NE(render("qwen2", thought).find("long"), std::string::npos);
}

TEST(Render, NoToolsAreOffered) {
  EXPECT_EQ(render("gorilla", {{"system", "S"}, {"user", "Q"}}),
            "SUSER: <<question>> Q <<function>> \nASSISTANT:");
}

TEST(Render, MessagesAreNotTemplates) {
  EXPECT_EQ(render("LM", {{"system", ""}, {"user", "{user_message}"}}), "{user_message}");
}

TEST(Render, UnknownRolesAreErrors) {
  EXPECT_THROW(render("chatml", {{"tool", "x"}}), Error);
  EXPECT_THROW(render("chatml", {{"user", "x"}, {"system", "y"}}), Error);
  EXPECT_NO_THROW(render("llama-3_1", {{"user", "x"}, {"tool", "y"}}));
}

}  // namespace
}  // namespace mlc
