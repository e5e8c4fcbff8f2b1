// A conversation in a model's own words, turn by turn.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-min/chat/prompt.h"
#include "runtime-min/chat/session.h"

namespace mlc {

struct ChatOptions {
  SamplingOptions sampling = {};
  GenerateOptions generate = {};           // the template's stop strings and tokens are added
  std::optional<std::string> system = {};  // in place of the template's message
};

class Chat {
 public:
  Chat(Engine& engine, const Tokenizer& tokenizer, PromptTemplate words, ChatOptions options);

  // The next turn. Only what the engine doesn't have yet is computed. After an error the
  // conversation is as it was before.
  Answer ask(const std::string& text, const std::function<void(std::string_view)>& show);

  void reset();  // a new conversation, with the same options

  const ChatOptions& options() const { return options_; }
  void set_options(const ChatOptions& options);
  std::uint32_t context() const { return engine_.info().context; }

 private:
  std::vector<std::uint32_t> prompt_tokens() const;

  Engine& engine_;
  const Tokenizer& tokenizer_;
  PromptTemplate words_;
  ChatOptions options_;
  Session session_;
  Sampler sampler_;
  std::vector<PromptMessage> messages_;
};

// The tokens of a text that goes on without any template: as the tokenizer has it, and in front the
// token that begins a text (`bos`) if the tokenizer doesn't put it there.
std::vector<std::uint32_t> text_tokens(const Tokenizer& tokenizer, std::string_view text,
                                       std::optional<std::uint32_t> bos);

}  // namespace mlc
