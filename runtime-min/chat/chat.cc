#include "runtime-min/chat/chat.h"

#include <utility>

namespace mlc {
namespace {

void append_encoded(std::vector<std::uint32_t>& tokens, const Tokenizer& tokenizer,
                    std::string_view text, bool add_special_tokens) {
  for (std::int32_t id : tokenizer.encode(text, {.add_special_tokens = add_special_tokens}))
    tokens.push_back(static_cast<std::uint32_t>(id));
}

}  // namespace

Chat::Chat(Engine& engine, const Tokenizer& tokenizer, PromptTemplate words, ChatOptions options)
    : engine_(engine),
      tokenizer_(tokenizer),
      words_(std::move(words)),
      options_(std::move(options)),
      session_(engine, tokenizer),
      sampler_(options_.sampling) {
  reset();
}

Answer Chat::ask(const std::string& text, const std::function<void(std::string_view)>& show) {
  GenerateOptions generate = options_.generate;
  generate.stop_strings.insert(generate.stop_strings.end(), words_.stop_strings.begin(),
                               words_.stop_strings.end());
  generate.stop_tokens.insert(generate.stop_tokens.end(), words_.stop_tokens.begin(),
                              words_.stop_tokens.end());
  messages_.push_back({.speaker = Speaker::kUser, .content = text});
  try {
    Answer answer = session_.generate(prompt_tokens(), generate, sampler_, show);
    messages_.push_back({.speaker = Speaker::kAssistant, .content = answer.text});
    return answer;
  } catch (...) {
    messages_.pop_back();
    throw;
  }
}

void Chat::reset() {
  messages_.clear();
  if (options_.system)
    messages_.push_back({.speaker = Speaker::kSystem, .content = *options_.system});
  session_.reset();
  sampler_.restart();
}

void Chat::set_options(const ChatOptions& options) {
  options_ = options;
  sampler_.set_options(options.sampling);
}

std::vector<std::uint32_t> Chat::prompt_tokens() const {
  std::vector<std::uint32_t> tokens = words_.system_prefix_tokens;
  append_encoded(tokens, tokenizer_, render_prompt(words_, messages_), false);
  return tokens;
}

std::vector<std::uint32_t> text_tokens(const Tokenizer& tokenizer, std::string_view text,
                                       std::optional<std::uint32_t> bos) {
  std::vector<std::uint32_t> tokens;
  append_encoded(tokens, tokenizer, text, true);
  if (bos && (tokens.empty() || tokens[0] != *bos)) tokens.insert(tokens.begin(), *bos);
  return tokens;
}

}  // namespace mlc
