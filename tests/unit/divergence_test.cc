// The numbers of verify's model level, by hand.
#include "verify/divergence.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

using namespace mlc;

namespace {

// Logits whose softmax is p, with something added that the softmax takes away.
std::vector<float> logits_of(const std::vector<double>& p, double shift = 0) {
  std::vector<float> logits;
  for (double value : p)
    logits.push_back(static_cast<float>(std::log(value) + shift));
  return logits;
}

TEST(Divergence, OfOnePosition) {
  // KL = 1/2 ln(1/2 / 1/4) + 1/4 ln(1/4 / 1/2) + 1/4 ln(1) = 1/4 ln 2.
  PositionNumbers n =
      compare_logits(logits_of({0.5, 0.25, 0.25}), logits_of({0.25, 0.5, 0.25}, 100), 1);
  EXPECT_FALSE(n.nonfinite);
  EXPECT_NEAR(n.kl, std::log(2) / 4, 1e-5);
  EXPECT_FALSE(n.same_top1);
  EXPECT_NEAR(n.margin, std::log(2), 1e-6);
  EXPECT_NEAR(n.range, std::log(2), 1e-6);
  EXPECT_EQ(n.logits, 3U);
  EXPECT_NEAR(n.max_logit_error, 100 + std::log(2), 1e-5);
  EXPECT_NEAR(n.sum_logit_error, 300, 1e-4);
  EXPECT_TRUE(n.scored);
  EXPECT_NEAR(n.reference_nll, std::log(4), 1e-6);
  EXPECT_NEAR(n.nll, std::log(2), 1e-5);
}

TEST(Divergence, OfTheSameLogitsIsZero) {
  std::vector<float> row = {1.5f, -3, 1.5f, 0.25f};
  PositionNumbers n = compare_logits(row, row);
  EXPECT_EQ(n.kl, 0);
  EXPECT_EQ(n.max_logit_error, 0);
  EXPECT_TRUE(n.same_top1);
  EXPECT_EQ(n.margin, 0);  // two share the first place
  EXPECT_FALSE(n.scored);
}

// Nothing overflows and nothing becomes 0 / 0.
TEST(Divergence, OfLargeLogits) {
  std::vector<float> a = {30000, -30000, 0};
  std::vector<float> b = {-30000, 30000, 0};
  PositionNumbers n = compare_logits(a, b, 0);
  EXPECT_EQ(n.kl, 60000);
  EXPECT_EQ(n.reference_nll, 0);
  EXPECT_EQ(n.nll, 60000);
  DivergenceSums sums;
  sums.add(n);
  Divergence d = sums.result(1e-3);
  EXPECT_TRUE(std::isfinite(d.perplexity));
  EXPECT_TRUE(std::isfinite(d.perplexity_ratio));
  EXPECT_GT(d.perplexity, 1e200);
}

TEST(Divergence, CountsWhatIsNoNumber) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> fine = {1, 2, 3};
  DivergenceSums sums;
  sums.add(compare_logits(fine, std::vector<float>{1, nan, 3}));
  sums.add(compare_logits(std::vector<float>{1, 2, -infinity}, fine));
  Divergence none = sums.result(1e-3);
  EXPECT_EQ(none.positions, 0U);
  EXPECT_EQ(none.nonfinite_positions, 2U);
  sums.add(compare_logits(fine, fine));
  Divergence one = sums.result(1e-3);
  EXPECT_EQ(one.positions, 1U);
  EXPECT_EQ(one.nonfinite_positions, 2U);
  EXPECT_EQ(one.kl_max, 0);
  EXPECT_EQ(one.top1, 1);
}

PositionNumbers position(double kl, double margin, double reference_nll, double nll) {
  return {.kl = kl,
          .max_logit_error = kl,
          .sum_logit_error = 2 * kl,
          .logits = 2,
          .range = 10 * kl,
          .same_top1 = margin == 0,
          .margin = margin,
          .scored = reference_nll != 0,
          .reference_nll = reference_nll,
          .nll = nll};
}

TEST(Divergence, OverPositions) {
  DivergenceSums sums;
  sums.add(position(0.1, 0, 1, 2));
  sums.add(position(0.2, 0.05, 3, 3));
  sums.add(position(0.6, 0.5, 2, 1.5));
  sums.add(position(0.3, 0, 0, 0));  // what follows is not known
  Divergence d = sums.result(0.01);
  EXPECT_EQ(d.positions, 4U);
  EXPECT_NEAR(d.kl_mean, 0.3, 1e-15);
  EXPECT_EQ(d.kl_99, 0.6);
  EXPECT_EQ(d.kl_max, 0.6);
  EXPECT_EQ(d.max_logit_error, 0.6);
  EXPECT_NEAR(d.mean_logit_error, 2 * 1.2 / 8, 1e-15);
  EXPECT_EQ(d.logit_range, 6);
  EXPECT_EQ(d.top1, 0.5);
  // Twice the bound is 0.12: a margin of 0.05 may be lost, one of 0.5 may not.
  EXPECT_EQ(d.unexplained_top1, 1U);
  EXPECT_EQ(d.perplexity_positions, 3U);
  EXPECT_NEAR(d.perplexity_reference, std::exp(2), 1e-12);
  EXPECT_NEAR(d.perplexity, std::exp(6.5 / 3), 1e-12);
  // Differences 1, 0, -0.5: mean 1/6, variance (25 + 1 + 16) / 36 / 2.
  EXPECT_NEAR(d.perplexity_ratio, std::exp(1.0 / 6), 1e-12);
  EXPECT_NEAR(d.perplexity_ratio_error, std::exp(1.0 / 6) * std::sqrt(42.0 / 72 / 3), 1e-12);
  ASSERT_EQ(d.kl_curve.size(), 4U);
  EXPECT_EQ(d.kl_curve[2], 0.6);
}

TEST(Divergence, PercentileAndCurveOfManyPositions) {
  DivergenceSums sums;
  for (int i = 1000; i >= 1; i--)
    sums.add(position(i, 0, 0, 0));
  Divergence d = sums.result(0);
  EXPECT_EQ(d.kl_99, 990);
  EXPECT_EQ(d.kl_max, 1000);
  EXPECT_EQ(d.kl_mean, 500.5);
  ASSERT_EQ(d.kl_curve.size(), 256U);
  EXPECT_EQ(d.kl_curve.front(), 999);  // of 1000, 999, 998
  EXPECT_EQ(d.kl_curve.back(), 2.5);   // of 4, 3, 2, 1
  EXPECT_EQ(d.perplexity_positions, 0U);
  EXPECT_EQ(d.perplexity_ratio, 0);
}

}  // namespace
