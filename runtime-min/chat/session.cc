#include "runtime-min/chat/session.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/error.h"
#include "base/parallel.h"
#include "runtime-min/chat/stop_filter.h"

namespace mlc {
namespace {

// Between pieces of a long prompt Ctrl-C is noticed. A multiple of the engine's own pieces, so
// that cutting changes no rounding.
constexpr std::size_t kPieceRows = 256;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool contains(const std::vector<std::uint32_t>& tokens, std::uint32_t token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

}  // namespace

std::string_view name_of(Finish finish) {
  if (finish == Finish::kStop) return "stop";
  return finish == Finish::kInterrupted ? "interrupted" : "length";
}

double Answer::prefill_rate() const {
  return prefill_seconds > 0 ? (prompt_tokens - cached_tokens) / prefill_seconds : 0;
}

double Answer::decode_rate() const {
  return decode_seconds > 0 && tokens.size() > 1
             ? static_cast<double>(tokens.size() - 1) / decode_seconds
             : 0;
}

Answer Session::generate(std::span<const std::uint32_t> prompt, const GenerateOptions& options,
                         Sampler& sampler, const std::function<void(std::string_view)>& show) {
  if (prompt.empty()) fail(ExitCode::kUsage, "the prompt is empty");
  std::uint32_t context = engine_.info().context;
  if (prompt.size() > context)
    fail(ExitCode::kUsage,
         "the prompt has {} tokens, but the context holds {}; shorten the prompt, or give "
         "--context where the model was made for more",
         prompt.size(), context);
  Answer answer;
  answer.prompt_tokens = static_cast<std::uint32_t>(prompt.size());
  sampler.begin_answer();
  StreamDecoder decoder(tokenizer_);
  if (options.continues_text)
    for (std::uint32_t token : prompt)
      static_cast<void>(decoder.push(static_cast<std::int32_t>(token)));
  StopFilter filter(options.stop_strings);
  auto give = [&](const std::string& text) {
    if (text.empty()) return;
    answer.text += text;
    show(text);
  };

  auto next_token = [&](std::span<const float> logits) {
    // Ids that the tokenizer does not have pad the matrix; no text stands for them.
    std::uint32_t token =
        sampler.next(logits.first(std::min(logits.size(), tokenizer_.vocab_size())));
    answer.tokens.push_back(token);
    return token;
  };
  auto finish_after = [&](std::uint32_t token) -> std::optional<Finish> {
    if (contains(options.stop_tokens, token)) return Finish::kStop;
    give(filter.push(decoder.push(static_cast<std::int32_t>(token))));
    if (filter.stopped()) return Finish::kStop;
    if (answer.tokens.size() == options.max_tokens) return Finish::kMaxTokens;
    if (tokens_.size() >= context) return Finish::kContextFull;
    return std::nullopt;
  };

  auto start = std::chrono::steady_clock::now();
  try {
    std::uint32_t token = next_token(read_prompt(prompt, answer));
    answer.prefill_seconds = seconds_since(start);
    start = std::chrono::steady_clock::now();
    for (;;) {
      if (std::optional<Finish> finish = finish_after(token)) {
        answer.finish = *finish;
        break;
      }
      throw_if_cancelled();
      token = next_token(append(std::span(&token, 1)));
      answer.decode_seconds = seconds_since(start);
    }
  } catch (const Cancelled&) {
    answer.finish = Finish::kInterrupted;
  }
  if (!filter.stopped()) {
    give(filter.push(decoder.finish()));
    give(filter.finish());
  }
  return answer;
}

std::span<const float> Session::read_prompt(std::span<const std::uint32_t> prompt, Answer& answer) {
  if (broken_) reset();
  // At least one token is computed: it gives the logits.
  std::size_t same = 0;
  while (same < tokens_.size() && same + 1 < prompt.size() && tokens_[same] == prompt[same])
    same++;
  keep(same);
  answer.cached_tokens = length();
  std::span<const float> logits;
  for (std::size_t at = tokens_.size(); at < prompt.size();) {
    throw_if_cancelled();
    std::size_t rows = std::min(kPieceRows, prompt.size() - at);
    logits = append(prompt.subspan(at, rows));
    at += rows;
  }
  return logits;
}

std::span<const float> Session::append(std::span<const std::uint32_t> tokens) {
  std::vector<RowInput> rows;
  rows.reserve(tokens.size());
  for (std::uint32_t token : tokens)
    rows.push_back({.slot = slot_, .token = token});
  try {
    std::span<const float> logits = engine_.forward(rows, last_row_of(rows));
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    return logits;
  } catch (...) {
    // How far the engine came is not known; the next prompt begins with an empty slot.
    broken_ = true;
    throw;
  }
}

void Session::keep(std::size_t length) {
  if (length == tokens_.size()) return;
  try {
    engine_.truncate(slot_, static_cast<std::uint32_t>(length));
    tokens_.resize(length);
  } catch (const Error& error) {
    // A window that has moved on, or a state: from the beginning, then.
    if (error.code() != ExitCode::kUnsupported) throw;
    reset();
  }
}

void Session::reset() {
  engine_.reset(slot_);
  tokens_.clear();
  broken_ = false;
}

}  // namespace mlc
