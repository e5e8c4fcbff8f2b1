#include "verify/reference_run.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "runtime-min/tokenizer/tokenizer.h"

namespace mlc {
namespace {

constexpr std::array<std::string_view, 2> kTexts = {
    "In the beginning God created the heaven and the earth.",
    "The quick brown fox jumps over the lazy dog, 0123456789 times; then f(x) = x * 2 + 1.",
};
constexpr std::size_t kLongest = 32;
constexpr std::string_view kLayer = "layer ";

// Numbers that reach over the whole vocabulary: multiples of the golden ratio, modulo 1, never lie
// close together. The last token is the vocabulary's last.
std::vector<std::uint32_t> spread_tokens(std::size_t count, std::uint32_t vocab) {
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15U;  // 2^64 / golden ratio
  std::vector<std::uint32_t> tokens;
  for (std::uint64_t i = 1; i <= count; i++) {
    std::uint64_t fraction = (i * kGolden) >> 32;
    tokens.push_back(static_cast<std::uint32_t>((fraction * vocab) >> 32));
  }
  tokens.back() = vocab - 1;
  return tokens;
}

// Nothing where the folder has no tokenizer that can be read: the ids are stored, so that nobody
// needs it later.
std::unique_ptr<Tokenizer> find_tokenizer(const std::string& folder) {
  try {
    return load_tokenizer(folder);
  } catch (const Error&) {
    return nullptr;
  }
}

// "layer 3 mlp.down_proj" -> "layer 3"
std::string part_of(const std::string& label) {
  if (!label.starts_with(kLayer)) return label;
  return label.substr(0, label.find(' ', kLayer.size()));
}

}  // namespace

EngineOptions reference_options() {
  EngineOptions options;
  options.context = 64;
  options.kv_format = KvFormat::kF32;
  return options;
}

std::vector<std::vector<std::uint32_t>> reference_prompts(const std::string& folder,
                                                          std::uint32_t vocab,
                                                          std::uint32_t context) {
  std::unique_ptr<Tokenizer> tokenizer = find_tokenizer(folder);
  std::uint32_t known = vocab;
  if (tokenizer != nullptr)
    known = static_cast<std::uint32_t>(
        std::clamp<std::size_t>(tokenizer->vocab_size(), std::size_t{1}, vocab));
  std::size_t longest = std::min<std::size_t>(kLongest, context);
  std::vector<std::vector<std::uint32_t>> prompts = {
      spread_tokens(std::min(kTracedTokens, longest), known), spread_tokens(longest, known)};
  if (tokenizer == nullptr) return prompts;
  for (std::string_view text : kTexts) {
    std::vector<std::uint32_t> tokens;
    for (std::int32_t id : tokenizer->encode(text))
      if (id >= 0 && static_cast<std::uint32_t>(id) < vocab && tokens.size() < longest)
        tokens.push_back(static_cast<std::uint32_t>(id));
    if (tokens.size() > 1) prompts.push_back(std::move(tokens));
  }
  return prompts;
}

std::vector<std::uint32_t> reference_positions(std::size_t tokens) {
  auto last = static_cast<std::uint32_t>(tokens - 1);
  if (last / 2 == last) return {last};
  return {last / 2, last};
}

std::span<const float> run_prompt(Engine& engine, std::span<const std::uint32_t> tokens,
                                  std::span<const std::uint32_t> positions) {
  std::vector<RowInput> rows;
  for (std::uint32_t token : tokens)
    rows.push_back({.slot = 0, .token = token});
  engine.reset(0);
  return engine.forward(rows, positions);
}

std::vector<TracedPart> trace_parts(Engine& engine, std::span<const std::uint32_t> tokens) {
  std::vector<TracedPart> parts;
  engine.set_trace([&](TraceStep& step) {
    if (!step.last || step.written.empty()) return false;
    const std::vector<float>& values = step.written.back();
    std::size_t first_row = values.size() / tokens.size();
    std::string label = part_of(step.label);
    // The last step of a layer leaves the stream between layers.
    if (parts.empty() || parts.back().label != label) parts.push_back({label, {}});
    std::size_t from = tokens.size() > 1 ? first_row : 0;
    Checksum sum = checksum_of(values.data() + from, values.size() - from);
    for (std::size_t i = 0; i < from; i++)
      if (!std::isfinite(values[i])) sum.rms = std::numeric_limits<double>::infinity();
    parts.back().sum = sum;
    return false;
  });
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 0; i < tokens.size(); i++)
    all.push_back(i);
  run_prompt(engine, tokens, all);
  engine.set_trace({});
  return parts;
}

double part_tolerance(std::uint32_t hidden, std::size_t index) {
  double sum = 2 * std::sqrt(4.0 * hidden) * std::ldexp(1.0, -23);
  return std::min(0.1, sum * static_cast<double>(index + 1));
}

}  // namespace mlc
