// The fast form of sum_values: a range of finite numbers in vectors; any other goes to the
// reference, which a sum that is not finite tells.
#include <array>
#include <cmath>
#include <cstddef>

#include "verify/value_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "verify/value_sums_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr std::size_t kLanes = 8;

// Lane by lane over whole rows of eight elements, whatever the width of vectors.
template <bool kSource>
void sum_rows(const float* values, const float* source, std::size_t n, double* square,
              double* error, double* weight, double* max_value, double* max_error) {
  const hn::CappedTag<double, kLanes> d;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t width = hn::Lanes(d);
  for (std::size_t lane = 0; lane < kLanes; lane += width) {
    auto squares = hn::Zero(d);
    auto errors = hn::Zero(d);
    auto weights = hn::Zero(d);
    auto most = hn::Zero(d);
    auto worst = hn::Zero(d);
    for (std::size_t i = lane; i < n; i += kLanes) {
      const auto q = hn::PromoteTo(d, hn::LoadU(df, values + i));
      squares = hn::Add(squares, hn::Mul(q, q));
      most = hn::Max(most, hn::Abs(q));
      if constexpr (kSource) {
        const auto w = hn::PromoteTo(d, hn::LoadU(df, source + i));
        const auto e = hn::Sub(w, q);
        errors = hn::Add(errors, hn::Mul(e, e));
        weights = hn::Add(weights, hn::Mul(w, w));
        worst = hn::Max(worst, hn::Abs(e));
      }
    }
    hn::StoreU(squares, d, square + lane);
    hn::StoreU(errors, d, error + lane);
    hn::StoreU(weights, d, weight + lane);
    hn::StoreU(most, d, max_value + lane);
    hn::StoreU(worst, d, max_error + lane);
  }
}

// Strips that stay in the first-level cache, since narrow vectors pass over them several times.
// Their sums are added lane by lane, which is one order for all widths.
ValueSums sum_finite(const float* values, const float* source, std::size_t n, std::uint64_t first) {
  constexpr std::size_t kStrip = 2048;
  std::array<double, kLanes> square{}, error{}, weight{};
  ValueSums sums;
  sums.values = n;
  std::size_t worst_strip = 0;
  const std::size_t whole = n / kLanes * kLanes;
  for (std::size_t at = 0; at < whole; at += kStrip) {
    const std::size_t count = whole - at < kStrip ? whole - at : kStrip;
    std::array<double, kLanes> s{}, e{}, w{}, most{}, worst{};
    if (source != nullptr)
      sum_rows<true>(values + at, source + at, count, s.data(), e.data(), w.data(), most.data(),
                     worst.data());
    else
      sum_rows<false>(values + at, nullptr, count, s.data(), e.data(), w.data(), most.data(),
                      worst.data());
    for (std::size_t l = 0; l < kLanes; l++) {
      square[l] += s[l];
      error[l] += e[l];
      weight[l] += w[l];
      sums.max_abs = most[l] > sums.max_abs ? most[l] : sums.max_abs;
      if (worst[l] > sums.max_error) {
        sums.max_error = worst[l];
        worst_strip = at;
      }
    }
  }
  for (std::size_t l = 0; l < kLanes; l++) {
    sums.square += square[l];
    sums.square_error += error[l];
    sums.square_source += weight[l];
  }
  if (source != nullptr) {
    sums.pairs = whole;
    sums.square_value = sums.square;
    for (std::size_t i = worst_strip; sums.max_error > 0 && i < whole; i++) {
      const double e = std::fabs(static_cast<double>(source[i]) - static_cast<double>(values[i]));
      if (e != sums.max_error) continue;
      sums.max_at = first + i;
      sums.max_source = source[i];
      sums.max_value = values[i];
      break;
    }
  }
  sums.values = whole;
  if (whole < n)
    sums.append(sum_values_reference(values + whole, source == nullptr ? nullptr : source + whole,
                                     n - whole, first + whole));
  return sums;
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {
HWY_EXPORT(sum_finite);
}  // namespace

ValueSums sum_values(const float* values, const float* source, std::size_t n, std::uint64_t first) {
  ValueSums sums = HWY_DYNAMIC_DISPATCH(sum_finite)(values, source, n, first);
  // float32 squares don't overflow float64: only NaN and infinities do this.
  if (std::isfinite(sums.square) && std::isfinite(sums.square_error) && sums.nan + sums.inf == 0)
    return sums;
  return sum_values_reference(values, source, n, first);
}

}  // namespace mlc
#endif  // HWY_ONCE
