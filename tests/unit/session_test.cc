// Generation and conversations on an engine that follows a script.
#include "runtime-min/chat/session.h"

#include <csignal>

#include <gtest/gtest.h>

#include "base/parallel.h"
#include "runtime-min/chat/chat.h"
#include "runtime-min/chat/chat_loop.h"
#include "scripted_engine.h"

namespace mlc {
namespace {

const SamplingOptions kGreedy = {.temperature = 0};

std::vector<std::uint32_t> tokens(const std::string& text) {
  std::vector<std::uint32_t> ids;
  ids.reserve(text.size());
  for (char c : text)
    ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

class Generation : public testing::Test {
 protected:
  Answer generate(ScriptedEngine& engine, const std::string& prompt, GenerateOptions options = {}) {
    Session session(engine, tokenizer_);
    Sampler sampler(kGreedy);
    options.stop_tokens.push_back(ByteTokenizer::kEnd);
    return session.generate(tokens(prompt), options, sampler,
                            [this](std::string_view text) { shown_.emplace_back(text); });
  }

  ByteTokenizer tokenizer_;
  std::vector<std::string> shown_;
};

TEST_F(Generation, EndsWithAStopToken) {
  ScriptedEngine engine(100, ScriptedEngine::answers({{"Q:", "abc"}}));
  Answer answer = generate(engine, "Q:");
  EXPECT_EQ(answer.text, "abc");
  EXPECT_EQ(answer.tokens.size(), 4u);
  EXPECT_EQ(answer.finish, Finish::kStop);
  EXPECT_EQ(answer.prompt_tokens, 2u);
  EXPECT_EQ(shown_, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(name_of(answer.finish), "stop");
}

TEST_F(Generation, ShowsWholeCharactersOnly) {
  ScriptedEngine engine(100, ScriptedEngine::answers({{"Q:", "\xC3\xA9\xE7\xAD\x94."}}));
  EXPECT_EQ(generate(engine, "Q:").text, "é答.");
  EXPECT_EQ(shown_, (std::vector<std::string>{"é", "答", "."}));
}

TEST_F(Generation, ACharacterWithoutItsEndIsReplaced) {
  ScriptedEngine engine(100, ScriptedEngine::answers({{"Q:", "a\xE7\xAD"}}));
  EXPECT_EQ(generate(engine, "Q:").text, "a\xEF\xBF\xBD");
}

TEST_F(Generation, AStopStringIsNotShown) {
  ScriptedEngine engine(100, ScriptedEngine::answers({{"Q:", "one\nUser: two"}}));
  Answer answer = generate(engine, "Q:", {.stop_strings = {"\nUser:"}});
  EXPECT_EQ(answer.text, "one");
  EXPECT_EQ(answer.finish, Finish::kStop);
  EXPECT_EQ(answer.tokens.size(), 9u);  // "one" and the six bytes of the stop string
}

TEST_F(Generation, EndsAtTheNumberOfTokens) {
  ScriptedEngine engine(100, ScriptedEngine::answers({{"Q:", "abcdef"}}));
  Answer answer = generate(engine, "Q:", {.max_tokens = 3});
  EXPECT_EQ(answer.text, "abc");
  EXPECT_EQ(answer.finish, Finish::kMaxTokens);
  EXPECT_EQ(name_of(answer.finish), "length");
  EXPECT_EQ(end_text(answer, 100), "");
}

// Text that a stop string could have begun is shown when the tokens end.
TEST_F(Generation, NothingHeldBackIsLost) {
  ScriptedEngine engine(100, ScriptedEngine::answers({{"Q:", "ab##"}}));
  EXPECT_EQ(generate(engine, "Q:", {.max_tokens = 4, .stop_strings = {"###"}}).text, "ab##");
}

TEST_F(Generation, FillsTheContextToTheLastToken) {
  ScriptedEngine engine(6, ScriptedEngine::answers({{"Q:", "abcdefgh"}}));
  Answer answer = generate(engine, "Q:");
  // Four tokens after the two of the prompt, and one that follows from the last.
  EXPECT_EQ(answer.text, "abcde");
  EXPECT_EQ(answer.finish, Finish::kContextFull);
  EXPECT_EQ(end_text(answer, 6), "the context of 6 tokens is full");
  EXPECT_EQ(engine.sequence.size(), 6u);
}

TEST_F(Generation, RefusesPromptsThatDontFit) {
  ScriptedEngine engine(6, ScriptedEngine::answers({{"Q:", "abc"}}));
  EXPECT_EQ(generate(engine, "1234Q:").text, "a");
  try {
    generate(engine, "12345Q:");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    EXPECT_STREQ(error.what(),
                 "the prompt has 7 tokens, but the context holds 6; shorten the prompt, or give "
                 "--context where the model was made for more");
  }
  EXPECT_THROW(generate(engine, ""), Error);
}

TEST_F(Generation, StopsWhenItIsInterrupted) {
  ScriptedEngine engine(100, ScriptedEngine::answers({{"Q:", "abcdef"}}));
  engine.on_forward = [&] {
    if (engine.sequence.size() == 4) cancel_signal = SIGINT;
  };
  Answer answer = generate(engine, "Q:");
  cancel_signal = 0;
  EXPECT_EQ(answer.finish, Finish::kInterrupted);
  EXPECT_EQ(answer.text, "abc");
}

TEST_F(Generation, AnInterruptedPromptGivesNoToken) {
  ScriptedEngine engine(2000, ScriptedEngine::answers({}));
  engine.on_forward = [] { cancel_signal = SIGINT; };
  Answer answer = generate(engine, std::string(1000, 'x'));
  cancel_signal = 0;
  EXPECT_EQ(answer.finish, Finish::kInterrupted);
  EXPECT_TRUE(answer.tokens.empty());
  EXPECT_EQ(engine.computed, 256u);
}

const char* const kTemplate = R"({"conv_template": {
  "system_template": "{system_message}", "system_message": "S.", "system_prefix_token_ids": [1],
  "roles": {"user": "U", "assistant": "A"}, "seps": ["|"], "role_content_sep": ":",
  "role_empty_sep": ":", "stop_str": ["|"], "stop_token_ids": [256]}})";

class Conversation : public testing::Test {
 protected:
  Conversation()
      : engine_(60, ScriptedEngine::answers({{"U:hi|A:", "hello"},
                                             {"U:go on|A:", "no more|U:"},
                                             {"U:x|A:", "y"},
                                             {"U:all|A:", std::string(80, 'z')}})),
        chat_(engine_, tokenizer_, read_prompt_template(parse_json(kTemplate, "t"), "t"),
              {.sampling = kGreedy, .generate = {}, .system = {}}) {}

  Answer ask(const std::string& text) {
    return chat_.ask(text, [](std::string_view) {});
  }
  std::string sequence() const {
    return std::string(engine_.sequence.begin(), engine_.sequence.end());
  }

  // What the loop prints for these lines.
  std::string talk(std::vector<std::string> lines) {
    std::string printed;
    std::reverse(lines.begin(), lines.end());
    run_chat(chat_, {.read_line = [&](std::string_view prompt) -> std::optional<std::string> {
                       printed += prompt;
                       if (lines.empty()) return std::nullopt;
                       std::string line = lines.back();
                       lines.pop_back();
                       return line;
                     },
                     .print = [&](std::string_view text) { printed += text; }});
    return printed;
  }

  ByteTokenizer tokenizer_;
  ScriptedEngine engine_;
  Chat chat_;
};

TEST_F(Conversation, ComputesOnlyWhatIsNew) {
  EXPECT_EQ(ask("hi").text, "hello");
  EXPECT_EQ(sequence(), "\1S.U:hi|A:hello");
  std::size_t before = engine_.computed;
  Answer second = ask("go on");
  EXPECT_EQ(second.text, "no more");
  EXPECT_EQ(sequence(), "\1S.U:hi|A:hello|U:go on|A:no more");
  EXPECT_EQ(second.cached_tokens, 15u);
  EXPECT_EQ(engine_.computed - before, std::string("|U:go on|A:no more").size());
}

// What was generated beyond the answer (a stop string) is taken back.
TEST_F(Conversation, TakesBackWhatIsNotOfTheConversation) {
  ask("go on");
  EXPECT_EQ(ask("x").text, "y");
  EXPECT_EQ(sequence(), "\1S.U:go on|A:no more|U:x|A:y");
}

TEST_F(Conversation, BeginsAnewWhereAStateCantBeTakenBack) {
  engine_.keeps_state = true;
  ask("hi");
  engine_.sequence.push_back('?');
  chat_.set_options({.sampling = kGreedy, .generate = {}, .system = "T."});
  chat_.reset();
  EXPECT_EQ(ask("x").cached_tokens, 0u);
  EXPECT_EQ(sequence(), "\1T.U:x|A:y");
}

TEST_F(Conversation, IsAsItWasAfterAnError) {
  ask("hi");
  EXPECT_THROW(ask(std::string(100, 'x')), Error);
  engine_.failing = true;
  EXPECT_THROW(ask("x"), Error);
  engine_.failing = false;
  EXPECT_EQ(ask("x").text, "y");
  EXPECT_EQ(sequence(), "\1S.U:hi|A:hello|U:x|A:y");
}

TEST_F(Conversation, TextsBeginWithTheTokenForIt) {
  EXPECT_EQ(text_tokens(tokenizer_, "ab", 7), (std::vector<std::uint32_t>{7, 'a', 'b'}));
  EXPECT_EQ(text_tokens(tokenizer_, "ab", 'a'), (std::vector<std::uint32_t>{'a', 'b'}));
  EXPECT_EQ(text_tokens(tokenizer_, "ab", std::nullopt), (std::vector<std::uint32_t>{'a', 'b'}));
}

TEST_F(Conversation, OnATerminal) {
  EXPECT_EQ(talk({"hi", "", "  go on  ", "/exit", "hi"}),
            "Type a message, or /help.\n>>> hello\n>>> >>> no more\n>>> ");
  EXPECT_EQ(talk({"/reset", "x"}),
            "Type a message, or /help.\n>>> A new conversation.\n>>> y\n>>> \n");
  EXPECT_EQ(sequence(), "\1S.U:x|A:y");
}

TEST_F(Conversation, LinesCanGoOn) {
  talk({"a\\", "b"});
  EXPECT_EQ(sequence(), "\1S.U:a\nb|A:");
}

TEST_F(Conversation, CommandsAndMistakes) {
  std::string printed = talk({"/stats", "hi", "/stats", "/sets", "/set", "/set top_p=2",
                              "/set temperature=0.5; max_tokens=3;stop=a,b", std::string(99, 'z')});
  EXPECT_NE(printed.find("There was no answer yet.\n"), std::string::npos);
  EXPECT_NE(printed.find("prefill: 10 tokens at "), std::string::npos);
  EXPECT_NE(printed.find(", decode: 5 tokens at "), std::string::npos);
  EXPECT_NE(printed.find("there is no /sets; /help lists the commands\n"), std::string::npos);
  EXPECT_NE(printed.find("/set needs NAME=VALUE"), std::string::npos);
  EXPECT_NE(printed.find("top_p is 2, expected 0 to 1\n"), std::string::npos);
  EXPECT_NE(printed.find("but the context holds 60"), std::string::npos);
  EXPECT_EQ(chat_.options().sampling.temperature, 0.5);
  EXPECT_EQ(chat_.options().sampling.top_p, 1);
  EXPECT_EQ(chat_.options().generate.max_tokens, 3u);
  EXPECT_EQ(chat_.options().generate.stop_strings, (std::vector<std::string>{"a", "b"}));
  EXPECT_NE(talk({"/help"}).find("/set NAME=VALUE"), std::string::npos);
}

TEST_F(Conversation, AFullContextIsSaid) {
  std::string printed = talk({"all"});
  EXPECT_NE(printed.find("zz\n[the context of 60 tokens is full; /reset begins anew]\n"),
            std::string::npos)
      << printed;
}

TEST_F(Conversation, InterruptingStopsTheAnswerOnly) {
  engine_.on_forward = [&] {
    if (engine_.sequence.size() == 12) cancel_signal = SIGINT;
  };
  EXPECT_EQ(talk({"hi", "x"}), "Type a message, or /help.\n>>> hel\n[stopped]\n>>> y\n>>> \n");
  engine_.on_forward = [&] { cancel_signal = SIGTERM; };
  EXPECT_THROW(talk({"hi"}), Cancelled);
  EXPECT_EQ(cancel_signal, 0);
}

TEST_F(Conversation, ADeviceThatFailsEndsIt) {
  engine_.failing = true;
  EXPECT_THROW(talk({"hi"}), Error);
}

TEST(Settings, NameWhatIsWrong) {
  ChatOptions options;
  auto complaint = [&](const char* text) -> std::string {
    try {
      apply_settings(options, text);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(complaint("temperature=hot"), "temperature is \"hot\", expected a number");
  EXPECT_EQ(complaint("temperature"), "\"temperature\" is no NAME=VALUE");
  EXPECT_EQ(complaint("seed=-1"), "seed is \"-1\", expected a number");
  EXPECT_EQ(complaint("heat=1").substr(0, 27), "there is no setting \"heat\";");
  EXPECT_EQ(complaint("presence_penalty=-2;frequency_penalty=1;repetition_penalty=1.5"), "");
  EXPECT_EQ(options.sampling.repetition_penalty, 1.5);
}

}  // namespace
}  // namespace mlc
