#include "verify/value_sums.h"

#include <array>
#include <cmath>
#include <limits>

namespace mlc {
namespace {

constexpr std::size_t kLanes = 8;

double total(const std::array<double, kLanes>& lanes) {
  double sum = 0;
  for (double lane : lanes)
    sum += lane;
  return sum;
}

}  // namespace

void ValueSums::append(const ValueSums& next) {
  values += next.values;
  nan += next.nan;
  inf += next.inf;
  square += next.square;
  max_abs = std::fmax(max_abs, next.max_abs);
  pairs += next.pairs;
  square_error += next.square_error;
  square_source += next.square_source;
  square_value += next.square_value;
  if (next.max_error > max_error) {
    max_error = next.max_error;
    max_at = next.max_at;
    max_source = next.max_source;
    max_value = next.max_value;
  }
}

double ValueSums::rms() const {
  std::uint64_t finite = values - nan - inf;
  return finite == 0 ? 0 : std::sqrt(square / static_cast<double>(finite));
}

double ValueSums::relative_mse() const {
  if (square_error == 0) return 0;
  return square_source > 0 ? square_error / square_source : std::numeric_limits<double>::infinity();
}

double ValueSums::snr_db() const {
  double relative = relative_mse();
  return relative > 0 ? -10 * std::log10(relative) : std::numeric_limits<double>::infinity();
}

// sum w q = (sum w^2 + sum q^2 - sum (w - q)^2) / 2
double ValueSums::cosine() const {
  if (square_source == 0 && square_value == 0) return 1;
  if (square_source == 0 || square_value == 0) return 0;
  double product = (square_source + square_value - square_error) / 2;
  return product / (std::sqrt(square_source) * std::sqrt(square_value));
}

ValueSums sum_values_reference(const float* values, const float* source, std::size_t n,
                               std::uint64_t first) {
  ValueSums sums;
  sums.values = n;
  std::array<double, kLanes> square{}, error{}, weight{}, value{};
  for (std::size_t i = 0; i < n; i++) {
    std::size_t lane = i % kLanes;
    auto q = static_cast<double>(values[i]);
    bool finite = std::isfinite(q);
    sums.nan += std::isnan(q) ? 1u : 0u;
    sums.inf += std::isinf(q) ? 1u : 0u;
    if (finite) {
      square[lane] += q * q;
      sums.max_abs = std::fmax(sums.max_abs, std::fabs(q));
    }
    if (source == nullptr) continue;
    auto w = static_cast<double>(source[i]);
    if (!finite || !std::isfinite(w)) continue;
    sums.pairs++;
    double e = w - q;
    error[lane] += e * e;
    weight[lane] += w * w;
    value[lane] += q * q;
    if (std::fabs(e) > sums.max_error) {
      sums.max_error = std::fabs(e);
      sums.max_at = first + i;
      sums.max_source = source[i];
      sums.max_value = values[i];
    }
  }
  sums.square = total(square);
  sums.square_error = total(error);
  sums.square_source = total(weight);
  sums.square_value = total(value);
  return sums;
}

}  // namespace mlc
