#include "verify/divergence.h"

#include <algorithm>
#include <cmath>

namespace mlc {
namespace {

constexpr std::size_t kCurvePoints = 256;

// What a softmax needs, and which token it prefers.
struct Top {
  double most = 0;
  double second = 0;
  double least = 0;
  std::size_t index = 0;
  bool finite = true;
};

Top top_of(std::span<const float> row) {
  Top top{.most = double{row[0]}, .second = -HUGE_VAL, .least = double{row[0]}};
  for (std::size_t i = 0; i < row.size(); i++) {
    double value = double{row[i]};
    if (!std::isfinite(value)) top.finite = false;
    top.least = std::min(top.least, value);
    if (i == 0) continue;
    if (value > top.most) {
      top.second = top.most;
      top.most = value;
      top.index = i;
    } else {
      top.second = std::max(top.second, value);
    }
  }
  return top;
}

// The logarithm of the sum of the exponentials; the largest one is taken out, so that none of them
// overflows and at least one is 1.
double log_sum(std::span<const float> row, double most) {
  double sum = 0;
  for (float value : row)
    sum += std::exp(double{value} - most);
  return most + std::log(sum);
}

std::vector<double> curve_of(const std::vector<double>& values) {
  std::size_t points = std::min(values.size(), kCurvePoints);
  std::vector<double> curve(points);
  for (std::size_t p = 0; p < points; p++) {
    std::size_t begin = p * values.size() / points;
    std::size_t end = (p + 1) * values.size() / points;
    double sum = 0;
    for (std::size_t i = begin; i < end; i++)
      sum += values[i];
    curve[p] = sum / static_cast<double>(end - begin);
  }
  return curve;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values)
    sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

// exp() that stays a number: a perplexity beyond 1e300 says no more than one of 1e300.
double finite_exp(double value) { return std::exp(std::clamp(value, -690.0, 690.0)); }

}  // namespace

PositionNumbers compare_logits(std::span<const float> reference, std::span<const float> other,
                               std::optional<std::uint32_t> next) {
  PositionNumbers numbers;
  Top a = top_of(reference);
  Top b = top_of(other);
  if (!a.finite || !b.finite) {
    numbers.nonfinite = true;
    return numbers;
  }
  double log_a = log_sum(reference, a.most);
  double log_b = log_sum(other, b.most);
  for (std::size_t i = 0; i < reference.size(); i++) {
    double value = double{reference[i]};
    double error = std::abs(value - double{other[i]});
    numbers.max_logit_error = std::max(numbers.max_logit_error, error);
    numbers.sum_logit_error += error;
    // log p - log q
    double difference = (value - log_a) - (double{other[i]} - log_b);
    numbers.kl += std::exp(value - log_a) * difference;
  }
  // Below 0 only by rounding.
  numbers.kl = std::max(numbers.kl, 0.0);
  numbers.logits = reference.size();
  numbers.range = a.most - a.least;
  numbers.same_top1 = a.index == b.index;
  numbers.margin = a.most - a.second;
  if (next) {
    numbers.scored = true;
    numbers.reference_nll = log_a - double{reference[*next]};
    numbers.nll = log_b - double{other[*next]};
  }
  return numbers;
}

void DivergenceSums::add(const PositionNumbers& position) {
  if (position.nonfinite) {
    nonfinite_++;
    return;
  }
  kl_.push_back(position.kl);
  if (!position.same_top1) margins_.push_back(position.margin);
  max_logit_error_ = std::max(max_logit_error_, position.max_logit_error);
  sum_logit_error_ += position.sum_logit_error;
  logits_ += position.logits;
  range_ = std::max(range_, position.range);
  if (!position.scored) return;
  nll_differences_.push_back(position.nll - position.reference_nll);
  reference_nll_ += position.reference_nll;
  nll_ += position.nll;
}

Divergence DivergenceSums::result(double share) const {
  Divergence d;
  d.positions = kl_.size();
  d.nonfinite_positions = nonfinite_;
  if (kl_.empty()) return d;
  d.max_logit_error = max_logit_error_;
  d.mean_logit_error = sum_logit_error_ / static_cast<double>(logits_);
  d.logit_range = range_;
  d.kl_mean = mean_of(kl_);
  std::vector<double> ordered = kl_;
  std::sort(ordered.begin(), ordered.end());
  // The smallest value that 99 of 100 positions do not exceed.
  d.kl_99 = ordered[(99 * ordered.size() + 99) / 100 - 1];
  d.kl_max = ordered.back();
  d.top1 = 1 - static_cast<double>(margins_.size()) / static_cast<double>(kl_.size());
  // Two logits, each off by the bound, can close a gap of twice the bound.
  for (double margin : margins_)
    if (margin > 2 * share * range_) d.unexplained_top1++;
  d.kl_curve = curve_of(kl_);
  std::size_t n = nll_differences_.size();
  d.perplexity_positions = n;
  if (n == 0) return d;
  d.perplexity_reference = finite_exp(reference_nll_ / static_cast<double>(n));
  d.perplexity = finite_exp(nll_ / static_cast<double>(n));
  double mean = mean_of(nll_differences_);
  d.perplexity_ratio = finite_exp(mean);
  if (n < 2) return d;
  // The standard error of the mean, carried through the exponential: d exp(m) = exp(m) dm.
  double squares = 0;
  for (double difference : nll_differences_)
    squares += (difference - mean) * (difference - mean);
  double variance = squares / static_cast<double>(n - 1);
  d.perplexity_ratio_error = d.perplexity_ratio * std::sqrt(variance / static_cast<double>(n));
  return d;
}

}  // namespace mlc
