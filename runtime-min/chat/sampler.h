// The choice of the next token from the logits, by MLC's definitions:
//
// 1. penalties, for every token that the answer has already (c times; the prompt doesn't count):
//    logit -= presence_penalty + c * frequency_penalty; then it is divided by repetition_penalty,
//    or multiplied with it if negative;
// 2. probabilities: softmax(logits / temperature); at temperature 0 the largest logit is taken, of
//    equal ones the lowest index;
// 3. top_p: the fewest of the most probable tokens whose sum reaches top_p (at least one), of equal
//    ones the lower index first; the draw is among them.
//
// Sums are float64 in a fixed order and the random numbers are a function of seed and count, so
// equal logits give equal tokens on every device and at any number of threads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace mlc {

struct SamplingOptions {
  double temperature = 1;         // 0 and above; 0: greedy
  double top_p = 1;               // 0 to 1; 0: greedy
  double presence_penalty = 0;    // -2 to 2
  double frequency_penalty = 0;   // -2 to 2
  double repetition_penalty = 1;  // above 0
  std::uint64_t seed = 0;
};

// Empty, or what is wrong: "top_p is 1.5, expected 0 to 1".
std::string wrong_sampling_option(const SamplingOptions& options);

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options) : options_(options) {}

  // Options hold from the next token on. With another seed its first random number is next.
  void set_options(const SamplingOptions& options) {
    if (options.seed != options_.seed) draws_ = 0;
    options_ = options;
  }

  // The answer begins: no token was used yet. The random numbers go on.
  void begin_answer() { used_.clear(); }
  // As new: the same tokens follow from the same logits.
  void restart();

  // Error(kVerify) if a logit is no number (NaN).
  std::uint32_t next(std::span<const float> logits);

  // next() is the index of the largest logit, so that a device can find it.
  bool takes_largest() const;
  // A token that next() did not choose has become part of the answer.
  void accept(std::uint32_t token) { used_[token]++; }

 private:
  std::span<const float> with_penalties(std::span<const float> logits);
  std::uint32_t draw(std::span<const float> logits, float largest);

  SamplingOptions options_;
  std::uint64_t draws_ = 0;
  std::unordered_map<std::uint32_t, std::uint32_t> used_;  // token, how often
  std::vector<float> changed_;                             // logits after penalties
  std::vector<double> weights_;                            // exp((logit - largest) / temperature)
  std::vector<std::uint32_t> order_;                       // a heap of tokens, by weight
};

}  // namespace mlc
