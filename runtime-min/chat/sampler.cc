#include "runtime-min/chat/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "runtime-min/chat/philox.h"

namespace mlc {
namespace {

// MLC's: up to this temperature the largest is taken, so that nothing is divided by almost nothing.
constexpr double kMostGreedyTemperature = 1e-5;

std::uint32_t index_of_largest(std::span<const float> logits) {
  return static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) -
                                    logits.begin());
}

void check_numbers(std::span<const float> logits) {
  for (std::size_t i = 0; i < logits.size(); i++)
    if (std::isnan(logits[i]))
      fail(ExitCode::kVerify,
           "the logit of token {} is no number (NaN): params are damaged or the device "
           "miscalculates; "
           "--check-values names the layer and kernel where it begins",
           i);
}

}  // namespace

std::string wrong_sampling_option(const SamplingOptions& options) {
  struct Range {
    const char* name;
    double value, least, most;
  };
  const Range ranges[] = {{"temperature", options.temperature, 0, 100},
                          {"top_p", options.top_p, 0, 1},
                          {"presence_penalty", options.presence_penalty, -2, 2},
                          {"frequency_penalty", options.frequency_penalty, -2, 2},
                          {"repetition_penalty", options.repetition_penalty, 0.01, 100}};
  for (const Range& range : ranges)
    // Written so that NaN is wrong.
    if (!(range.value >= range.least && range.value <= range.most))
      return fmt::format("{} is {}, expected {} to {}", range.name, range.value, range.least,
                         range.most);
  return "";
}

void Sampler::restart() {
  begin_answer();
  draws_ = 0;
}

bool Sampler::takes_largest() const {
  return (options_.temperature <= kMostGreedyTemperature || options_.top_p == 0) &&
         options_.presence_penalty == 0 && options_.frequency_penalty == 0 &&
         options_.repetition_penalty == 1;
}

std::uint32_t Sampler::next(std::span<const float> logits) {
  if (logits.empty()) fail(ExitCode::kBug, "no logits to sample from");
  check_numbers(logits);
  std::span<const float> changed = with_penalties(logits);
  std::uint32_t token = index_of_largest(changed);
  // A row of nothing but -inf has no probabilities, and +inf is all of them.
  if (options_.temperature > kMostGreedyTemperature && options_.top_p > 0 &&
      std::isfinite(changed[token]))
    token = draw(changed, changed[token]);
  accept(token);
  return token;
}

std::span<const float> Sampler::with_penalties(std::span<const float> logits) {
  bool none = options_.presence_penalty == 0 && options_.frequency_penalty == 0 &&
              options_.repetition_penalty == 1;
  if (none || used_.empty()) return logits;
  changed_.assign(logits.begin(), logits.end());
  for (auto [token, count] : used_) {
    if (token >= changed_.size()) continue;
    double logit = changed_[token];
    logit -= options_.presence_penalty + count * options_.frequency_penalty;
    logit = logit < 0 ? logit * options_.repetition_penalty : logit / options_.repetition_penalty;
    changed_[token] = static_cast<float>(logit);
  }
  return changed_;
}

// The random number is a share of the sum, so nothing is divided by the sum.
std::uint32_t Sampler::draw(std::span<const float> logits, float largest) {
  weights_.resize(logits.size());
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); i++) {
    weights_[i] = std::exp((double{logits[i]} - double{largest}) / options_.temperature);
    sum += weights_[i];
  }
  double random = uniform_number(options_.seed, draws_++);
  if (options_.top_p >= 1) {
    double reached = 0;
    for (std::size_t i = 0; i < weights_.size(); i++) {
      reached += weights_[i];
      if (reached > random * sum) return static_cast<std::uint32_t>(i);
    }
  }
  // Tokens below this sum up to less than what top_p leaves out, so they are left out; mostly that
  // is nearly all. A heap gives the most probable of the others one by one.
  double least = (1 - options_.top_p) * sum / static_cast<double>(weights_.size());
  order_.clear();
  for (std::size_t i = 0; i < weights_.size(); i++)
    if (weights_[i] >= least) order_.push_back(static_cast<std::uint32_t>(i));
  auto later = [&](std::uint32_t a, std::uint32_t b) {
    return weights_[a] < weights_[b] || (weights_[a] == weights_[b] && a > b);
  };
  std::make_heap(order_.begin(), order_.end(), later);
  auto end = order_.end();
  double kept = 0;
  while (end != order_.begin() && kept < options_.top_p * sum) {
    std::pop_heap(order_.begin(), end, later);
    kept += weights_[*--end];
  }
  double reached = 0;
  for (auto it = order_.end(); it != end;) {
    reached += weights_[*--it];
    if (reached > random * kept) return *it;
  }
  return *end;  // rounding ate the last share
}

}  // namespace mlc
