// An engine and a tokenizer that need no model: tokens are bytes, and what follows a sequence is
// what a function of the test says.
#pragma once

#include <algorithm>
#include <functional>
#include <map>

#include "base/error.h"
#include "runtime-min/engine/engine.h"
#include "runtime-min/tokenizer/tokenizer.h"

namespace mlc {

// Ids 0 to 255 are bytes, 256 is the special token "<end>", 257 to 259 are no tokens.
class ByteTokenizer final : public Tokenizer {
 public:
  static constexpr std::uint32_t kEnd = 256;

  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions&) const override {
    std::vector<std::int32_t> ids;
    ids.reserve(text.size());
    for (char c : text)
      ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::string decode(std::span<const std::int32_t> ids, const DecodeOptions&) const override {
    std::string text;
    for (std::int32_t id : ids)
      text += token_bytes(id, false);
    return text;
  }
  std::size_t vocab_size() const override { return kEnd + 1; }
  std::optional<std::string> token_text(std::int32_t id) const override { return token_bytes(id); }
  std::optional<std::int32_t> token_id(std::string_view) const override { return std::nullopt; }
  std::string token_bytes(std::int32_t id, bool /*first_of_text*/ = false) const override {
    return id < 256 ? std::string(1, static_cast<char>(id)) : "";
  }
  bool is_special(std::int32_t id) const override { return id == kEnd; }
};

class ScriptedEngine final : public Engine {
 public:
  // The token that is to follow.
  using Next = std::function<std::uint32_t(const std::vector<std::uint32_t>& tokens)>;

  ScriptedEngine(std::uint32_t context, Next next) : next_(std::move(next)) {
    info_.context = context;
    info_.vocab = 260;
    info_.slots = 1;
    logits_.resize(info_.vocab);
  }

  // Goes through the texts: each follows when the sequence ends with its key, then <end>.
  static Next answers(std::map<std::string, std::string> texts) {
    return [texts = std::move(texts)](const std::vector<std::uint32_t>& tokens) {
      std::string text;
      for (std::uint32_t token : tokens)
        text += static_cast<char>(token);
      for (const auto& [key, answer] : texts)
        for (std::size_t n = std::min(answer.size(), text.size()) + 1; n-- > 0;)
          if (text.ends_with(key + answer.substr(0, n)))
            return n < answer.size() ? std::uint32_t{static_cast<unsigned char>(answer[n])}
                                     : ByteTokenizer::kEnd;
      return ByteTokenizer::kEnd;
    };
  }

  const ModelInfo& info() const override { return info_; }
  std::span<const float> forward(std::span<const RowInput> rows,
                                 std::span<const std::uint32_t> wanted) override {
    if (wanted.size() != 1 || wanted[0] != rows.size() - 1)
      fail(ExitCode::kBug, "not the last row");
    if (sequence.size() + rows.size() > info_.context) fail(ExitCode::kUsage, "too long");
    if (failing) fail(ExitCode::kIo, "the device is gone");
    for (const RowInput& row : rows)
      sequence.push_back(row.token);
    computed += rows.size();
    if (on_forward) on_forward();
    std::fill(logits_.begin(), logits_.end(), 0.0F);
    logits_[next_(sequence)] = 20;
    logits_[258] = 30;  // padding of the matrix, never to be chosen
    return logits_;
  }
  std::uint32_t position(std::uint32_t) const override {
    return static_cast<std::uint32_t>(sequence.size());
  }
  void reset(std::uint32_t) override { sequence.clear(); }
  void truncate(std::uint32_t, std::uint32_t length) override {
    if (keeps_state) fail(ExitCode::kUnsupported, "a state can't be taken back");
    sequence.resize(length);
  }
  void set_profiling(bool) override {}
  const std::vector<KernelTime>& profile() const override { return profile_; }
  void set_trace(Trace) override {}

  std::vector<std::uint32_t> sequence;
  std::size_t computed = 0;
  bool keeps_state = false;
  bool failing = false;
  std::function<void()> on_forward;

 private:
  Next next_;
  ModelInfo info_;
  std::vector<float> logits_;
  std::vector<KernelTime> profile_;
};

}  // namespace mlc
