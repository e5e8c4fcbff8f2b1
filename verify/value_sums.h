// Sums over the values of a param, and over its values beside those of its source: what the weights
// level and diff make their numbers of.
//
// Sums are float64, in eight lanes whatever the CPU's vectors hold, and without fused operations: a
// range gives the same bits on every CPU. Ranges are added in the order of their elements by the
// caller, so that threads change nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mlc {

struct ValueSums {
  std::uint64_t values = 0;  // all
  std::uint64_t nan = 0;
  std::uint64_t inf = 0;
  double square = 0;  // of the finite ones
  double max_abs = 0;
  // Of pairs that are finite on both sides.
  std::uint64_t pairs = 0;
  double square_error = 0;   // (w - q)^2
  double square_source = 0;  // w^2
  double square_value = 0;   // q^2
  double max_error = 0;      // |w - q|
  std::uint64_t max_at = 0;  // the first element that has it
  float max_source = 0;
  float max_value = 0;

  // `next` follows: its elements come after those of this.
  void append(const ValueSums& next);

  double rms() const;           // of the finite values
  double relative_mse() const;  // 0 when equal; infinite when only the source is zero
  double snr_db() const;        // infinite when equal
  double cosine() const;        // 1 when both are zero
};

// Of n values; `first` is the index of values[0] in the param. `source`: null, or n values.
ValueSums sum_values(const float* values, const float* source, std::size_t n, std::uint64_t first);
// One element at a time; for tests, and for ranges that hold a NaN or an infinity.
ValueSums sum_values_reference(const float* values, const float* source, std::size_t n,
                               std::uint64_t first);

}  // namespace mlc
