#include "runtime-min/chat/chat_loop.h"

#include <charconv>
#include <csignal>

#include "base/error.h"
#include "base/parallel.h"

namespace mlc {
namespace {

constexpr std::string_view kHelp =
    "/help            this text\n"
    "/exit            leave (or the end of the input, Ctrl-D)\n"
    "/stats           speed of the last answer\n"
    "/reset           begin a new conversation\n"
    "/set NAME=VALUE  change how answers are chosen; several with semicolons:\n"
    "                 /set temperature=0.5;top_p=0.8;seed=23;max_tokens=100;stop=one,two\n"
    "                 also presence_penalty, frequency_penalty, repetition_penalty\n"
    "Ctrl-C           stop the answer; twice, leave\n"
    "A line that ends with \\ goes on in the next one.\n";

std::string_view trimmed(std::string_view text) {
  std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

template <class T>
T number(std::string_view name, std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail(ExitCode::kUsage, "{} is \"{}\", expected a number", name, printable(text));
  return value;
}

void apply_one(ChatOptions& options, std::string_view name, std::string_view value) {
  SamplingOptions& sampling = options.sampling;
  if (name == "temperature")
    sampling.temperature = number<double>(name, value);
  else if (name == "top_p")
    sampling.top_p = number<double>(name, value);
  else if (name == "presence_penalty")
    sampling.presence_penalty = number<double>(name, value);
  else if (name == "frequency_penalty")
    sampling.frequency_penalty = number<double>(name, value);
  else if (name == "repetition_penalty")
    sampling.repetition_penalty = number<double>(name, value);
  else if (name == "seed")
    sampling.seed = number<std::uint64_t>(name, value);
  else if (name == "max_tokens")
    options.generate.max_tokens = number<std::uint32_t>(name, value);
  else if (name == "stop") {
    options.generate.stop_strings.clear();
    for (std::string_view rest = value; !rest.empty();) {
      std::string_view one = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(one.size() + 1, rest.size()));
      if (!one.empty()) options.generate.stop_strings.emplace_back(one);
    }
  } else {
    fail(ExitCode::kUsage,
         "there is no setting \"{}\"; there are temperature, top_p, presence_penalty, "
         "frequency_penalty, repetition_penalty, seed, max_tokens and stop",
         printable(name));
  }
}

// One input, which may go over several lines.
std::optional<std::string> read_input(const Terminal& terminal) {
  std::optional<std::string> text = terminal.read_line(">>> ");
  while (text && text->ends_with('\\')) {
    text->back() = '\n';
    std::optional<std::string> more = terminal.read_line("... ");
    if (!more) break;
    *text += *more;
  }
  return text;
}

}  // namespace

void apply_settings(ChatOptions& options, std::string_view text) {
  ChatOptions changed = options;
  bool any = false;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view one = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    one = trimmed(one);
    if (one.empty()) continue;
    std::size_t sign = one.find('=');
    if (sign == std::string_view::npos)
      fail(ExitCode::kUsage, "\"{}\" is no NAME=VALUE", printable(one));
    apply_one(changed, trimmed(one.substr(0, sign)), trimmed(one.substr(sign + 1)));
    any = true;
  }
  if (!any) fail(ExitCode::kUsage, "/set needs NAME=VALUE, such as /set temperature=0.5");
  if (std::string wrong = wrong_sampling_option(changed.sampling); !wrong.empty())
    fail(ExitCode::kUsage, "{}", wrong);
  options = changed;
}

std::string rates_text(const Answer& answer) {
  std::string text =
      fmt::format("prefill: {} tokens at {:.1f} tokens/s",
                  answer.prompt_tokens - answer.cached_tokens, answer.prefill_rate());
  if (answer.cached_tokens > 0) text += fmt::format(" ({} known)", answer.cached_tokens);
  if (answer.tokens.size() > 1)
    text += fmt::format(", decode: {} tokens at {:.1f} tokens/s", answer.tokens.size() - 1,
                        answer.decode_rate());
  return text;
}

std::string end_text(const Answer& answer, std::uint32_t context) {
  if (answer.finish != Finish::kContextFull) return "";
  return fmt::format("the context of {} tokens is full", context);
}

void run_chat(Chat& chat, const Terminal& terminal) {
  std::optional<Answer> last;
  terminal.print("Type a message, or /help.\n");
  for (;;) {
    std::optional<std::string> input = read_input(terminal);
    if (!input) {
      terminal.print("\n");
      return;
    }
    std::string_view text = trimmed(*input);
    try {
      if (text.empty()) continue;
      if (text == "/exit") return;
      if (text == "/help") {
        terminal.print(kHelp);
      } else if (text == "/stats") {
        terminal.print(last ? rates_text(*last) + "\n" : "There was no answer yet.\n");
      } else if (text == "/reset") {
        chat.reset();
        terminal.print("A new conversation.\n");
      } else if (text == "/set" || text.starts_with("/set ")) {
        ChatOptions options = chat.options();
        apply_settings(options, text.substr(4));
        chat.set_options(options);
      } else if (text[0] == '/') {
        fail(ExitCode::kUsage, "there is no {}; /help lists the commands", printable(text));
      } else {
        last = chat.ask(std::string(text), terminal.print);
        terminal.print("\n");
        if (std::string why = end_text(*last, chat.context()); !why.empty())
          terminal.print(fmt::format("[{}; /reset begins anew]\n", why));
        if (last->finish == Finish::kInterrupted) {
          // Ctrl-C stops the answer; whatever else ends the program was meant for it.
          if (int signal = cancel_signal.exchange(0); signal != SIGINT) throw Cancelled{signal};
          terminal.print("[stopped]\n");
        }
      }
    } catch (const Error& error) {
      if (error.code() != ExitCode::kUsage) throw;
      terminal.print(fmt::format("{}\n", error.what()));
    }
  }
}

}  // namespace mlc
