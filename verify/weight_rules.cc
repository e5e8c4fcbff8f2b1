#include "verify/weight_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>

#include <fmt/ranges.h>

#include "base/error.h"
#include "verify/weights.h"

namespace mlc {
namespace {

constexpr std::array<FindingRule, kWeightRules> kRules = {{
    {"W01", "weights-unreadable", Severity::kError, "the params of the folder can't be read",
     "see what the levels files and params find, or convert again"},
    {"W02", "param-differs", Severity::kError,
     "a record of the index is not what the model's config makes of the param",
     "bring config and weights of the same model together, or convert again"},
    {"W10", "nan", Severity::kError, "a param holds NaN",
     "look for NaN in the source (mlc convert_weight warns of them), and convert again"},
    {"W11", "infinity", Severity::kError, "a param holds infinities",
     "choose a quantization with bfloat16 or float32 if the source's weights are too large for "
     "float16"},
    {"W12", "bad-scale", Severity::kError, "a scale is NaN or infinite",
     "copy the shard again, or convert again"},
    {"W20", "size-outlier", Severity::kWarning,
     "a param is far larger or smaller than the same param of the other layers",
     "give --source to see whether the checkpoint has it so"},
    {"W21", "rare-code", Severity::kWarning,
     "very few groups hold the code that round to nearest never gives: damaged, or of another "
     "method",
     "give --source, which shows whether these are the bits of a conversion"},
    {"W22", "all-zero", Severity::kWarning, "every value of a quantized param is zero",
     "give --source to see whether the checkpoint has it so"},
    {"W23", "unused-codes", Severity::kNote,
     "codes between the smallest and the largest never occur",
     "nothing, if the weights were trained on few levels"},
    {"W30", "error-too-large", Severity::kError, "a param is not near its source",
     "see whether the source is the one that was converted; then convert again"},
    {"W31", "error-outlier", Severity::kWarning,
     "a param has lost far more than the same param of the other layers",
     "convert again; if it stays, try --method search or more bits"},
    {"W40", "bits-differ", Severity::kError,
     "a quantized param has not the bits that quantizing its source gives",
     "copy the shard again, or convert again"},
    {"W41", "cast-differs", Severity::kError,
     "a param that is not quantized has not the bits of its source, cast",
     "copy the shard again, or convert again"},
    {"W42", "another-recipe", Severity::kError,
     "the weights were quantized by another numeric rule or method than the one named",
     "name that rule and method, or convert again"},
    {"W43", "no-recipe", Severity::kError, "no numeric rule and method gives these bits",
     "convert the source again, if the weights must have the bits of a rule"},
    {"W44", "unknown-recipe", Severity::kNote,
     "the bits are those of no numeric rule and method, so that only the errors were checked",
     "nothing, if another program quantized them"},
}};

constexpr bool rules_are_in_order() {
  for (std::size_t i = 1; i < kRules.size(); i++)
    if (!(kRules[i - 1].id < kRules[i].id)) return false;
  return true;
}
static_assert(rules_are_in_order());

// A median of fewer layers says little.
constexpr std::size_t kLeastLayers = 3;
// Rounding errors below this are no one's fault, and their ratios mean nothing.
constexpr double kNoError = 1e-9;
// Search, and lattices of 16 levels, give the last code to many groups; damage to few.
constexpr std::uint64_t kRareShare = 100;
// Every code of normal weights occurs in so many elements.
constexpr std::uint64_t kManyElements = 16384;

double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class Judge {
 public:
  Judge(const WeightsResult& result, const VerifyThresholds& thresholds, Findings& findings)
      : result_(result), thresholds_(thresholds), findings_(findings) {
    for (std::size_t p = 0; p < result.params.size(); p++)
      if (result.params[p].layer >= 0) kinds_[result.params[p].kind].push_back(p);
  }

  void values(const ParamNumbers& param, std::uint64_t bad_scales) {
    auto of = [&](std::uint64_t n, std::string_view what) {
      return fmt::format("{} {} of {}", n, what, param.elements);
    };
    if (bad_scales > 0)
      add(WeightRule::kBadScale, param, fmt::format("{} scales", bad_scales), "finite scales");
    else if (param.nan > 0)
      add(WeightRule::kNan, param, of(param.nan, "NaN"), "finite values");
    if (bad_scales == 0 && param.inf > 0)
      add(WeightRule::kInfinite, param, of(param.inf, "infinities"), "finite values");
  }

  void codes(const ParamNumbers& param, int bits) {
    if (param.groups > 0 && param.zero_groups == param.groups)
      add(WeightRule::kAllZero, param, fmt::format("{} groups of zeros", param.groups));
    if (param.clipped_groups > 0 && param.clipped_groups * kRareShare < param.groups)
      add(WeightRule::kRareCode, param,
          fmt::format("{} of {} groups", param.clipped_groups, param.groups), "none, or many");
    std::size_t levels = std::size_t{1} << bits;
    if (param.codes.size() != levels || param.elements < kManyElements) return;
    std::vector<std::size_t> unused;
    for (std::size_t c = 1; c + 2 < levels; c++)
      if (param.codes[c] == 0) unused.push_back(c);
    if (!unused.empty() && param.zero_groups < param.groups)
      add(WeightRule::kUnusedCodes, param,
          fmt::format("no code {} among {} elements", fmt::join(unused, ", "), param.elements));
  }

  void error(const ParamNumbers& param) {
    if (!param.compared || !thresholds_.broken(Threshold::kWeightRelativeMse, param.relative_mse))
      return;
    add(WeightRule::kError, param,
        fmt::format("relative MSE {:.3g}, SNR {:.2f} dB, cosine {:.4f}; largest error {:.3g} at "
                    "[{}]: {:.6g} in the source, {:.6g} here",
                    param.relative_mse, param.snr_db, param.cosine, param.max_error,
                    fmt::join(param.max_error_at, ", "), param.max_error_source,
                    param.max_error_value),
        fmt::format("a relative MSE of at most {:g}", thresholds_[Threshold::kWeightRelativeMse]));
  }

  // Each param of a kind beside the median of all layers.
  void outliers() {
    for (const auto& [kind, params] : kinds_) {
      if (params.size() < kLeastLayers) continue;
      bool compared = result_.params[params[0]].compared;
      if (compared)
        outliers_of(params, WeightRule::kErrorOutlier, "relative MSE",
                    [](const ParamNumbers& p) { return p.relative_mse; });
      else if (result_.params[params[0]].shape.size() > 1)
        outliers_of(params, WeightRule::kOtherSize, "root mean square",
                    [](const ParamNumbers& p) { return p.rms; });
    }
  }

 private:
  template <class Of>
  void outliers_of(const std::vector<std::size_t>& params, WeightRule rule, std::string_view what,
                   Of of) {
    std::vector<double> values;
    values.reserve(params.size());
    for (std::size_t p : params)
      values.push_back(of(result_.params[p]));
    double middle = median(values);
    if (!(middle > kNoError)) return;
    for (std::size_t p : params) {
      const ParamNumbers& param = result_.params[p];
      double ratio = of(param) / middle;
      bool small = rule == WeightRule::kOtherSize && ratio < 1;
      if (small && ratio > 0) ratio = 1 / ratio;
      bool lost = rule == WeightRule::kErrorOutlier &&
                  thresholds_.broken(Threshold::kWeightRelativeMse, param.relative_mse);
      // What is all zero or has its own finding needs no second one.
      if (ratio == 0 || lost || !thresholds_.broken(Threshold::kWeightOutlier, ratio)) continue;
      add(rule, param, fmt::format("{} {:.3g}", what, of(param)),
          fmt::format("within a factor of {:g} of {:.3g}, the median of {} layers",
                      thresholds_[Threshold::kWeightOutlier], middle, params.size()));
    }
  }

  void add(WeightRule rule, const ParamNumbers& param, std::string found,
           std::string expected = {}) {
    findings_.add(rule_of(rule), param.name, std::move(found), std::move(expected));
  }

  const WeightsResult& result_;
  const VerifyThresholds& thresholds_;
  Findings& findings_;
  std::map<std::string_view, std::vector<std::size_t>> kinds_;
};

}  // namespace

const FindingRule& rule_of(WeightRule rule) { return kRules[static_cast<std::size_t>(rule)]; }

std::span<const FindingRule> weight_rules() { return kRules; }

void judge_weights(const WeightsResult& result, const std::vector<std::uint64_t>& bad_scales,
                   int code_bits, const VerifyThresholds& thresholds, Findings& findings) {
  Judge judge(result, thresholds, findings);
  for (std::size_t p = 0; p < result.params.size(); p++) {
    const ParamNumbers& param = result.params[p];
    judge.values(param, bad_scales[p]);
    judge.codes(param, code_bits);
    judge.error(param);
  }
  judge.outliers();
}

}  // namespace mlc
