// Talking to a model on a terminal: lines in, answers out, and the commands of MLC's own chat.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime-min/chat/chat.h"

namespace mlc {

struct Terminal {
  // The next line without its end; none: there are no more. `prompt` is shown before it.
  std::function<std::optional<std::string>(std::string_view prompt)> read_line;
  std::function<void(std::string_view)> print;
};

// Until /exit or the end of the input. Errors of a turn (a prompt that is longer than the context)
// are shown and the conversation goes on; those of the device end it.
void run_chat(Chat& chat, const Terminal& terminal);

// "temperature=0.5;top_p=0.8;seed=23;max_tokens=100;stop=a,b" as MLC's chat writes it.
// Error(kUsage) names what is wrong, and then nothing is changed.
void apply_settings(ChatOptions& options, std::string_view text);

// "prefill: 12 tokens at 85.1 tokens/s, decode: 30 tokens at 41.0 tokens/s"
std::string rates_text(const Answer& answer);

// Why the answer ended where a user could think that there is more: "the context of 384 tokens is
// full". Empty where there is nothing to say.
std::string end_text(const Answer& answer, std::uint32_t context);

}  // namespace mlc
