#include "verify/thresholds.h"

#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/spelling.h"

namespace mlc {
namespace {

constexpr std::array<ThresholdRow, kThresholds> kRows = {{
    {Threshold::kDeviceKl, "device-kl", 1e-6, false,
     "mean KL divergence of the device from the CPU on the same weights, in nats"},
    {Threshold::kDeviceLogits, "device-logits", 1e-3, false,
     "largest difference of a logit, device against CPU, as a share of the logits' range"},
    {Threshold::kQuantizationKl, "quantization-kl", 0.25, false,
     "mean KL divergence of the model from its source, in nats"},
    {Threshold::kQuantizationTop1, "quantization-top1", 0.7, true,
     "share of positions where the model and its source prefer the same token"},
    {Threshold::kPerplexityRatio, "perplexity-ratio", 1.15, false,
     "perplexity of the model divided by its source's"},
    {Threshold::kWeightRelativeMse, "weight-relative-mse", 0.1, false,
     "squared error of a param, as a share of its squared weights"},
    {Threshold::kWeightOutlier, "weight-outlier", 8, false,
     "error of a param divided by the median of the same param in the other layers"},
    {Threshold::kLayerError, "layer-error", 1e-4, false,
     "error of one kernel given the reference's input, as a share of its largest value"},
}};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kRows.size(); i++)
    if (static_cast<std::size_t>(kRows[i].threshold) != i) return false;
  return true;
}
static_assert(rows_are_in_order());

const ThresholdRow* find_row(std::string_view name) {
  for (const ThresholdRow& row : kRows)
    if (row.name == name) return &row;
  return nullptr;
}

std::string unknown_name(std::string_view name) {
  std::vector<std::string> known;
  known.reserve(kRows.size());
  for (const ThresholdRow& row : kRows)
    known.emplace_back(row.name);
  std::vector<std::string> nearest = nearest_names(name, known);
  return fmt::format("unknown threshold {}{}", printable(name),
                     nearest.empty() ? "; \"mlc verify --help\" lists them"
                                     : "; did you mean " + nearest[0] + "?");
}

}  // namespace

std::span<const ThresholdRow> threshold_rows() { return kRows; }

VerifyThresholds::VerifyThresholds() : values_{} {
  for (const ThresholdRow& row : kRows)
    values_[static_cast<std::size_t>(row.threshold)] = row.value;
}

bool VerifyThresholds::broken(Threshold threshold, double value) const {
  if (std::isnan(value)) return true;
  double bound = (*this)[threshold];
  return kRows[static_cast<std::size_t>(threshold)].at_least ? value < bound : value > bound;
}

void VerifyThresholds::set(std::string_view assignment) {
  std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos)
    fail(ExitCode::kUsage, "--threshold {}: expected NAME=VALUE", printable(assignment));
  const ThresholdRow* row = find_row(assignment.substr(0, equals));
  if (row == nullptr)
    fail(ExitCode::kUsage, "--threshold: {}", unknown_name(assignment.substr(0, equals)));
  std::string_view text = assignment.substr(equals + 1);
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    fail(ExitCode::kUsage, "--threshold {}: {} is no number", row->name, printable(text));
  values_[static_cast<std::size_t>(row->threshold)] = value;
}

void VerifyThresholds::read_file(const std::string& path) {
  Json json = read_json_file(path);
  for (const auto& [name, value] : json.members(path)) {
    const ThresholdRow* row = find_row(name);
    if (row == nullptr) bad_input("{}: {}", path, unknown_name(name));
    values_[static_cast<std::size_t>(row->threshold)] =
        value.as_double(fmt::format("{}: {}", path, name));
  }
}

}  // namespace mlc
