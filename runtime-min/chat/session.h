// One sequence of tokens on an engine, and text that goes on from it.
//
//   Session session(*engine, *tokenizer, 0);
//   Answer answer = session.generate(prompt, options, sampler, show);
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-min/chat/sampler.h"
#include "runtime-min/engine/engine.h"
#include "runtime-min/tokenizer/tokenizer.h"

namespace mlc {

enum class Finish : std::uint8_t {
  kStop,         // a stop token or a stop string
  kMaxTokens,    // as many tokens as were asked for
  kContextFull,  // as many as the context holds
  kInterrupted,  // Ctrl-C
};

// "stop" or "length", the words of OpenAI's API, which MLC's server uses too; "interrupted".
std::string_view name_of(Finish finish);

struct GenerateOptions {
  std::uint32_t max_tokens = 0;  // 0: until the context is full
  std::vector<std::string> stop_strings = {};
  std::vector<std::uint32_t> stop_tokens = {};
  // The text goes on from the prompt's last word, instead of beginning anew: some tokenizers write
  // the first token of a text differently.
  bool continues_text = false;
};

struct Answer {
  std::string text;
  std::vector<std::uint32_t> tokens;  // all that were chosen, the stop token included
  Finish finish = Finish::kStop;
  std::uint32_t prompt_tokens = 0;
  std::uint32_t cached_tokens = 0;  // of these, known to the engine from before
  double prefill_seconds = 0;       // until the first token was chosen
  double decode_seconds = 0;        // for the others

  double prefill_rate() const;  // tokens per second; 0 where there is nothing to count
  double decode_rate() const;
};

class Session {
 public:
  Session(Engine& engine, const Tokenizer& tokenizer, std::uint32_t slot = 0)
      : engine_(engine), tokenizer_(tokenizer), slot_(slot) {}

  // Makes `prompt` the sequence, of which only the part is computed that differs from what there is
  // (the earlier turns of a conversation), and goes on from it. `show` gets whole characters as
  // they come. Error(kUsage) if the prompt is empty or longer than the context. When cancel_signal
  // is set, ends with what there is.
  Answer generate(std::span<const std::uint32_t> prompt, const GenerateOptions& options,
                  Sampler& sampler, const std::function<void(std::string_view)>& show);

  void reset();
  std::uint32_t length() const { return static_cast<std::uint32_t>(tokens_.size()); }

 private:
  std::span<const float> read_prompt(std::span<const std::uint32_t> prompt, Answer& answer);
  std::span<const float> append(std::span<const std::uint32_t> tokens);
  void keep(std::size_t length);

  Engine& engine_;
  const Tokenizer& tokenizer_;
  std::uint32_t slot_;
  std::vector<std::uint32_t> tokens_;  // what the engine has
  bool broken_ = false;                // the engine may have others
};

}  // namespace mlc
