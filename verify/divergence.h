// How far the logits of one run are from those of another, on the same tokens: the numbers of
// Divergence (verify/results.h), from pairs of rows of logits.
//
//   DivergenceSums sums;
//   for each position: sums.add(compare_logits(reference_row, other_row, true_next_token));
//   Divergence d = sums.result(bound);
//
// Logits are float32, everything made of them is float64. Sums run in the order of add(), so the
// result does not depend on threads when compare_logits(), which is where the time goes, is called
// from several.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "verify/results.h"

namespace mlc {

// What one position gives.
struct PositionNumbers {
  // A logit of either run is NaN or infinite; nothing else is set then.
  bool nonfinite = false;
  double kl = 0;               // KL(reference || other) in nats, at least 0
  double max_logit_error = 0;  // |reference - other|
  double sum_logit_error = 0;
  std::uint64_t logits = 0;
  double range = 0;  // of the reference's logits: largest minus smallest
  // The lowest index of the largest logits is the same.
  bool same_top1 = false;
  double margin = 0;  // of the reference: largest minus second largest
  // -log of the probability of the token that truly followed, where it is known.
  bool scored = false;
  double reference_nll = 0;
  double nll = 0;
};

// Both rows have one logit per token of the vocabulary, at least two. Thread-safe.
PositionNumbers compare_logits(std::span<const float> reference, std::span<const float> other,
                               std::optional<std::uint32_t> next = std::nullopt);

class DivergenceSums {
 public:
  void add(const PositionNumbers& position);
  std::uint64_t positions() const { return kl_.size(); }

  // `share`: the bound on a logit's error as a share of the logits' range; from it follows where
  // another token on top is explained (Divergence::unexplained_top1).
  Divergence result(double share) const;

 private:
  std::vector<double> kl_;       // of each position, in order
  std::vector<double> margins_;  // where the tokens on top differ
  // Of each scored position, other minus reference; the mean of their squares is taken around the
  // mean, for it can be much smaller than the mean.
  std::vector<double> nll_differences_;
  double reference_nll_ = 0;
  double nll_ = 0;
  double max_logit_error_ = 0;
  double sum_logit_error_ = 0;
  std::uint64_t logits_ = 0;
  double range_ = 0;
  std::uint64_t nonfinite_ = 0;
};

}  // namespace mlc
