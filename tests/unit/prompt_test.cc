// Prompts of the runtime against those of gen_config's own table, for every template.
#include "runtime-min/chat/prompt.h"

#include <iostream>

#include <gtest/gtest.h>

#include "base/error.h"
#include "genconfig/conv_template.h"

namespace mlc {
namespace {

struct Turn {
  const char* role;
  Speaker speaker;
};
constexpr Turn kSystem = {"system", Speaker::kSystem}, kUser = {"user", Speaker::kUser},
               kAssistant = {"assistant", Speaker::kAssistant}, kTool = {"tool", Speaker::kTool};

struct Conversation {
  std::vector<std::pair<Turn, std::string>> turns;
};

const Conversation kConversations[] = {
    {{}},
    {{{kUser, "Hi"}}},
    {{{kSystem, "Be brief."}, {kUser, "One?"}, {kAssistant, "1"}, {kUser, "Two?"}}},
    {{{kSystem, ""}, {kUser, "a"}}},
    {{{kUser, "a"}, {kAssistant, "<think>\nlong\n</think>\n\nb"}, {kUser, "c"}}},
    {{{kUser, "{user_message} {system_message} {function_string} \xE7\xAD\x94"},
      {kAssistant, "{assistant_message}"},
      {kUser, ""}}},
    {{{kUser, "a"}, {kAssistant, "b"}, {kTool, "{\"c\": 1}"}}},
    {{{kAssistant, "I begin."}, {kUser, "a"}}},
};

Json config_of(const ConvTemplate& row) {
  return Json::object().set("conv_template", conv_template_json(row));
}

TEST(Prompt, IsGenConfigs) {
  int count = 0;
  for (const ConvTemplate& row : conv_templates()) {
    // Through its text, as it comes from a file.
    PromptTemplate words =
        read_prompt_template(parse_json(dump_json(config_of(row)), "config"), "config");
    EXPECT_EQ(words.system_prefix_tokens.size(), row.system_prefix_token_ids.size());
    EXPECT_EQ(words.stop_tokens.size(), row.stop_token_ids.size());
    EXPECT_EQ(words.stop_strings,
              std::vector<std::string>(row.stop_str.begin(), row.stop_str.end()));
    for (const Conversation& conversation : kConversations) {
      std::vector<ChatMessage> theirs;
      std::vector<PromptMessage> ours;
      for (const auto& [turn, content] : conversation.turns) {
        theirs.push_back({.role = turn.role, .content = content});
        ours.push_back({.speaker = turn.speaker, .content = content});
      }
      std::string expected;
      try {
        expected = render_conversation(row, theirs);
      } catch (const Error&) {
        EXPECT_THROW(render_prompt(words, ours), Error) << row.name;
        continue;
      }
      EXPECT_EQ(render_prompt(words, ours), expected) << row.name;
      count++;
    }
  }
  std::cout << count << " prompts of " << conv_templates().size() << " templates are equal\n";
  EXPECT_GT(count, 350);
}

std::string complaint(const std::string& config) {
  try {
    read_prompt_template(parse_json(config, "config"), "OUT/mlc-chat-config.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadInput);
    return error.what();
  }
  return "none";
}

TEST(PromptTemplate, SaysWhatIsWrong) {
  EXPECT_EQ(
      complaint("{}"),
      "OUT/mlc-chat-config.json: conv_template is missing, expected an object; mlc gen_config "
      "writes it");
  EXPECT_EQ(
      complaint(R"({"conv_template": "chatml"})"),
      "OUT/mlc-chat-config.json: conv_template is the name of a template, expected an object; "
      "mlc gen_config writes it");
  Json full = conv_template_json(*find_conv_template("chatml"));
  auto with = [&](const char* key, Json value) {
    Json changed = full;
    changed.set(key, std::move(value));
    return complaint(dump_json(Json::object().set("conv_template", changed)));
  };
  EXPECT_NE(with("seps", Json::array()).find("seps has 0 texts, expected 1 or 2"),
            std::string::npos);
  EXPECT_NE(with("stop_token_ids", Json("x")).find("stop_token_ids"), std::string::npos);
  EXPECT_NE(with("roles", Json::object()).find("roles: user is missing"), std::string::npos);
  EXPECT_NE(with("system_template", Json(1)).find("system_template"), std::string::npos);
}

// 2^20 copies of 2^20 bytes.
TEST(Prompt, IsBounded) {
  PromptTemplate words = read_prompt_template(config_of(*find_conv_template("chatml")), "config");
  words.system_template.clear();
  for (int i = 0; i < 1 << 20; i++)
    words.system_template += "{system_message}";
  words.system_message.assign(1 << 20, 'x');
  EXPECT_THROW(render_prompt(words, {}), Error);
}

}  // namespace
}  // namespace mlc
