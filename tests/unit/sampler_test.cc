// The choice of tokens, against values worked out by hand from MLC's definitions, and the random
// numbers against the published vectors of their generator.
#include "runtime-min/chat/sampler.h"

#include <cmath>
#include <limits>
#include <map>

#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime-min/chat/philox.h"

namespace mlc {
namespace {

using Words = std::array<std::uint32_t, 4>;

// kat_vectors of Random123, philox4x32 with 10 rounds.
TEST(Philox, GivesThePublishedVectors) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, NumbersLieBetweenZeroAndOneEvenly) {
  double sum = 0;
  int below = 0;
  for (std::uint64_t i = 0; i < 100000; i++) {
    double number = uniform_number(7, i);
    ASSERT_GE(number, 0);
    ASSERT_LT(number, 1);
    sum += number;
    below += number < 0.1 ? 1 : 0;
  }
  // Mean 1/2 with a deviation of 1 / sqrt(12 n); a share of 0.1 with sqrt(0.09 / n). Five of them.
  EXPECT_NEAR(sum / 100000, 0.5, 5 * 0.00092);
  EXPECT_NEAR(below / 100000.0, 0.1, 5 * 0.00095);
  // 2^-53 times the upper 53 bits of the first two words above.
  EXPECT_EQ(uniform_number(0, 0), std::ldexp(static_cast<double>(0xe169c58d6627e8d5 >> 11), -53));
}

std::uint32_t one(const SamplingOptions& options, const std::vector<float>& logits) {
  Sampler sampler(options);
  return sampler.next(logits);
}

TEST(Sampler, TemperatureZeroTakesTheLargestAndOfEqualOnesTheFirst) {
  EXPECT_EQ(one({.temperature = 0}, {1, 3, 2, 3}), 1u);
  EXPECT_EQ(one({.top_p = 0}, {1, 3, 2, 3}), 1u);
  EXPECT_TRUE(Sampler({.temperature = 0}).takes_largest());
  EXPECT_FALSE(Sampler({.temperature = 0, .presence_penalty = 1}).takes_largest());
  EXPECT_FALSE(Sampler({}).takes_largest());
}

// How often each token is chosen from logits that are the logarithms of shares.
std::map<std::uint32_t, int> count(SamplingOptions options, const std::vector<double>& shares,
                                   int times) {
  std::vector<float> logits;
  logits.reserve(shares.size());
  for (double share : shares)
    logits.push_back(static_cast<float>(std::log(share)));
  Sampler sampler(options);
  std::map<std::uint32_t, int> counts;
  for (int i = 0; i < times; i++) {
    sampler.begin_answer();
    counts[sampler.next(logits)]++;
  }
  return counts;
}

// Within five deviations of a binomial distribution.
void expect_share(int found, int times, double share) {
  EXPECT_NEAR(found, times * share, 5 * std::sqrt(times * share * (1 - share))) << share;
}

TEST(Sampler, ChoosesByProbability) {
  auto counts = count({.seed = 3}, {0.5, 0.125, 0.375}, 20000);
  expect_share(counts[0], 20000, 0.5);
  expect_share(counts[1], 20000, 0.125);
  expect_share(counts[2], 20000, 0.375);
}

TEST(Sampler, TemperatureOneHalfSquaresTheProbabilities) {
  // 16/64, 1/64 and 9/64 of 26/64.
  auto counts = count({.temperature = 0.5, .seed = 3}, {0.5, 0.125, 0.375}, 20000);
  expect_share(counts[0], 20000, 16 / 26.0);
  expect_share(counts[1], 20000, 1 / 26.0);
  expect_share(counts[2], 20000, 9 / 26.0);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  std::vector<double> shares = {0.1, 0.4, 0.2, 0.3};
  // 0.4 alone does not reach 0.5; 0.4 + 0.3 does, and they are chosen as 4 to 3.
  auto counts = count({.top_p = 0.5, .seed = 1}, shares, 20000);
  EXPECT_EQ(counts.size(), 2u);
  expect_share(counts[1], 20000, 4 / 7.0);
  expect_share(counts[3], 20000, 3 / 7.0);
  EXPECT_EQ(count({.top_p = 0.39, .seed = 1}, shares, 100).size(), 1u);
  EXPECT_EQ(count({.top_p = 0.95, .seed = 1}, shares, 2000).size(), 4u);
  // Of equal ones the lower index is kept.
  EXPECT_EQ((count({.top_p = 0.2, .seed = 1}, {0.25, 0.25, 0.25, 0.25}, 100)),
            (std::map<std::uint32_t, int>{{0, 100}}));
  EXPECT_EQ((count({.top_p = 0.4, .seed = 1}, {0.1, 0.3, 0.3, 0.3}, 100).count(3)), 0u);
}

TEST(Sampler, PresenceIsTakenOffOnceAndFrequencyForEachUse) {
  // Token 0 is ahead by 1; each use takes 0.4 off, and the first 0.3 more. After one use: 0.3
  // ahead; after the second: 0.1 behind.
  Sampler sampler({.temperature = 0, .presence_penalty = 0.3, .frequency_penalty = 0.4});
  std::vector<float> logits = {2, 1};
  EXPECT_EQ(sampler.next(logits), 0u);
  EXPECT_EQ(sampler.next(logits), 0u);
  EXPECT_EQ(sampler.next(logits), 1u);
  // Now token 1 is at 1 - 0.7, token 0 at 2 - 1.1.
  EXPECT_EQ(sampler.next(logits), 0u);
  sampler.begin_answer();
  EXPECT_EQ(sampler.next(logits), 0u);
}

TEST(Sampler, RepetitionDividesPositiveAndMultipliesNegativeLogits) {
  Sampler positive({.temperature = 0, .repetition_penalty = 2});
  EXPECT_EQ(positive.next(std::vector<float>{3, 2}), 0u);
  EXPECT_EQ(positive.next(std::vector<float>{3, 2}), 1u);  // 1.5 and 2
  EXPECT_EQ(positive.next(std::vector<float>{3, 2}), 0u);  // 1.5 and 1
  Sampler negative({.temperature = 0, .repetition_penalty = 2});
  EXPECT_EQ(negative.next(std::vector<float>{-2, -3}), 0u);
  EXPECT_EQ(negative.next(std::vector<float>{-2, -3}), 1u);  // -4 and -3
}

TEST(Sampler, RepetitionComesAfterTheOthers) {
  // 3 - 1 = 2, halved: 1, which is behind 1.2; 3 / 2 - 1 would be further behind, 0.5; with the
  // other token at 0.8 only the right order keeps token 0.
  Sampler sampler({.temperature = 0, .presence_penalty = 1, .repetition_penalty = 2});
  EXPECT_EQ(sampler.next(std::vector<float>{3, 0.8F}), 0u);
  EXPECT_EQ(sampler.next(std::vector<float>{3, 0.8F}), 0u);
}

TEST(Sampler, TokensOfAnotherSourceCount) {
  Sampler sampler({.temperature = 0, .presence_penalty = 2});
  sampler.accept(0);
  sampler.accept(900);  // beyond the logits
  EXPECT_EQ(sampler.next(std::vector<float>{2, 1}), 1u);
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
  std::vector<float> logits(1000);
  for (std::size_t i = 0; i < logits.size(); i++)
    logits[i] = static_cast<float>(i % 37) / 10;
  auto draw = [&](std::uint64_t seed) {
    Sampler sampler({.top_p = 0.9, .seed = seed});
    std::vector<std::uint32_t> tokens;
    tokens.reserve(50);
    for (int i = 0; i < 50; i++)
      tokens.push_back(sampler.next(logits));
    sampler.restart();
    EXPECT_EQ(sampler.next(logits), tokens[0]);
    return tokens;
  };
  EXPECT_EQ(draw(5), draw(5));
  EXPECT_NE(draw(5), draw(6));
}

TEST(Sampler, NumbersThatAreNone) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  float inf = std::numeric_limits<float>::infinity();
  EXPECT_THROW(one({}, {0, nan}), Error);
  EXPECT_EQ(one({}, {0, inf}), 1u);
  EXPECT_EQ(one({}, {-inf, -inf}), 0u);
  EXPECT_EQ(one({}, {-inf, 0}), 1u);
}

TEST(SamplingOptions, AreChecked) {
  EXPECT_EQ(wrong_sampling_option({}), "");
  EXPECT_EQ(wrong_sampling_option({.top_p = 1.5}), "top_p is 1.5, expected 0 to 1");
  EXPECT_EQ(wrong_sampling_option({.temperature = -1}), "temperature is -1, expected 0 to 100");
  EXPECT_NE(wrong_sampling_option({.temperature = std::nan("")}), "");
  EXPECT_NE(wrong_sampling_option({.repetition_penalty = 0}), "");
}

}  // namespace
}  // namespace mlc
