#include "verify/model_tokens.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace mlc {
namespace {

// Every script has other tokens, digits and code others again, and their embeddings and rows of
// the head are as much a part of the model.
constexpr std::array<std::string_view, 5> kTexts = {
    "In the beginning God created the heaven and the earth. And the earth was without form, and "
    "void; and darkness was upon the face of the deep. And the Spirit of God moved upon the face "
    "of the waters. And God said, Let there be light: and there was light.",
    "The river had risen three feet in the night, and by morning the lower fields were a sheet of "
    "brown water from which the fence posts stood up like the teeth of a comb. Nobody spoke of "
    "the bridge. They knew that it would hold, or that it would not.",
    "def mean(values):\n    total = 0.0\n    for value in values:\n        total += value\n"
    "    return total / len(values)\n\nprint(mean([1.5, 2.25, -40, 1e6]))  # 250009.9375\n",
    "{\"name\": \"Ada\", \"born\": 1815, \"works\": [\"Note G\", \"letters\"], \"ratio\": 0.75}",
    "Der Fluß ist breit. La rivière est froide. Река глубокая. Ο ποταμός είναι μακρύς. "
    "النهر طويل. नदी लंबी है। 河很长。川は静かだ。강은 깊다.",
};

// splitmix64: the same ids on every machine.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15U;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
  z = (z ^ z >> 27) * 0x94d049bb133111ebU;
  return z ^ z >> 31;
}

TokenSequence random_prompt(std::uint32_t tokens, std::uint32_t rows, const TokenOptions& options) {
  std::uint64_t state = tokens;
  TokenSequence prompt{.name = {}, .inputs = {}, .rows = rows};
  for (std::uint32_t i = 0; i < std::min(tokens, options.context); i++)
    prompt.inputs.push_back(static_cast<std::uint32_t>(next_random(state) % options.vocab));
  prompt.follows.assign(prompt.inputs.size(), -1);
  return prompt;
}

std::vector<std::uint32_t> ids_of(std::string_view text, const TokenOptions& options) {
  EncodeOptions plain;
  plain.add_special_tokens = false;
  std::vector<std::uint32_t> ids;
  for (std::int32_t id : options.tokenizer->encode(text, plain)) {
    auto token = static_cast<std::uint32_t>(id);
    if (id < 0 || token >= options.vocab)
      fail(ExitCode::kVerify, "token {} (of {}) for a model of {} tokens", id,
           options.tokenizer->vocab_size(), options.vocab);
    ids.push_back(token);
  }
  return ids;
}

// The first token, then all of `ids` but the last: each of `ids` is what follows.
TokenSequence window_of(std::span<const std::uint32_t> ids, const TokenOptions& options) {
  TokenSequence window{.name = {}, .inputs = {options.first_token}, .rows = kMostRows};
  window.inputs.insert(window.inputs.end(), ids.begin(), ids.end() - 1);
  window.follows.assign(ids.begin(), ids.end());
  return window;
}

void add_text(const TokenOptions& options, std::vector<TokenSequence>& sequences) {
  std::vector<std::uint32_t> ids = ids_of(options.text, options);
  if (ids.empty())
    fail(ExitCode::kUsage, "--text {}: there is no text in it", printable(options.text_name, 1000));
  if (options.max_tokens != 0 && ids.size() > options.max_tokens)
    ids.resize(static_cast<std::size_t>(options.max_tokens));
  std::size_t most = std::min(options.context, kWindowTokens);
  for (std::size_t begin = 0; begin < ids.size(); begin += most) {
    std::size_t count = std::min(most, ids.size() - begin);
    TokenSequence window = window_of(std::span(ids).subspan(begin, count), options);
    window.name = fmt::format("{}, tokens {} to {}", options.text_name, begin, begin + count - 1);
    window.is_language = true;
    window.is_text = true;
    sequences.push_back(std::move(window));
  }
}

}  // namespace

std::vector<TokenSequence> token_sequences(const TokenOptions& options) {
  std::vector<TokenSequence> sequences;
  // Few rows at once, token by token, and one pass that is full and one that is not.
  sequences.push_back(random_prompt(5, kMostRows, options));
  sequences.push_back(random_prompt(12, 1, options));
  sequences.push_back(random_prompt(kMostRows + 9, kMostRows, options));
  if (options.tokenizer != nullptr)
    for (std::string_view text : kTexts) {
      std::vector<std::uint32_t> ids = ids_of(text, options);
      if (ids.empty()) continue;
      ids.resize(std::min<std::size_t>({ids.size(), options.context, kWindowTokens}));
      TokenSequence prompt = window_of(ids, options);
      prompt.is_language = options.text_name.empty();
      if (!prompt.is_language) prompt.follows.assign(ids.size(), -1);
      sequences.push_back(std::move(prompt));
    }
  for (std::size_t i = 0; i < sequences.size(); i++)
    sequences[i].name = fmt::format("prompt {}", i + 1);
  if (!options.text_name.empty()) add_text(options, sequences);
  // Random ids are better than nothing to read.
  if (options.tokenizer == nullptr)
    for (TokenSequence& sequence : sequences)
      sequence.is_language = true;
  return sequences;
}

std::string describe(const std::vector<TokenSequence>& sequences, const std::string& text_name) {
  std::size_t prompts = 0;
  std::size_t tokens = 0;
  for (const TokenSequence& sequence : sequences) {
    if (sequence.name.starts_with("prompt "))
      prompts++;
    else
      tokens += sequence.inputs.size();
  }
  std::string text = fmt::format("{} prompts", prompts);
  if (tokens > 0) text += fmt::format(" and {} tokens of {}", tokens, text_name);
  return text;
}

}  // namespace mlc
