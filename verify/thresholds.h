// The bounds beyond which a number of verify is a finding, as rows with names: the defaults, and
// what --threshold NAME=VALUE and a file for CI put in their place.
//
//   {"device-kl": 1e-6, "quantization-kl": 0.05}     --thresholds FILE
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mlc {

enum class Threshold : std::uint8_t {
  kDeviceKl,
  kDeviceLogits,
  kQuantizationKl,
  kQuantizationTop1,
  kPerplexityRatio,
  kWeightRelativeMse,
  kWeightOutlier,
  kLayerError,
};
inline constexpr std::size_t kThresholds = 8;

struct ThresholdRow {
  Threshold threshold;
  std::string_view name;  // "device-kl"
  double value;           // the default
  bool at_least;          // true: a value below is a finding; false: a value above
  std::string_view explains;
};
std::span<const ThresholdRow> threshold_rows();

class VerifyThresholds {
 public:
  VerifyThresholds();  // the defaults
  double operator[](Threshold threshold) const {
    return values_[static_cast<std::size_t>(threshold)];
  }
  // Whether `value` breaks it; NaN does.
  bool broken(Threshold threshold, double value) const;
  // "device-kl=1e-5". Error(kUsage) names what is wrong and the nearest name.
  void set(std::string_view assignment);
  // Error(kBadInput) for another kind of file, an unknown name, a value that is no number.
  void read_file(const std::string& path);

 private:
  std::array<double, kThresholds> values_;
};

}  // namespace mlc
