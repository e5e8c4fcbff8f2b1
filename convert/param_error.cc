#include "convert/param_error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "convert/transform.h"

namespace mlc {
namespace {

std::string_view quantizer_of(const Plan& plan, const PlanStep& step) {
  return step.quantized ? plan.quantization->name : std::string_view("cast");
}

}  // namespace

ErrorSums& ErrorSums::operator+=(const ErrorSums& other) {
  values += other.values;
  square_error += other.square_error;
  square_weight += other.square_weight;
  max_error = std::max(max_error, other.max_error);
  return *this;
}

double ErrorSums::relative_rms() const {
  return square_weight > 0 ? std::sqrt(square_error / square_weight) : 0.0;
}

// Sums in lanes, which compilers turn into vectors.
void add_errors(const float* computed, const float* wanted, std::size_t n, ErrorSums& sums) {
  constexpr std::size_t kLanes = 8;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::array<double, kLanes> error{}, weight{};
  std::array<float, kLanes> most{};
  std::array<std::uint32_t, kLanes> skipped{};
  for (std::size_t i = 0; i < n; i += kLanes) {
    std::size_t lanes = std::min(kLanes, n - i);
    for (std::size_t l = 0; l < lanes; l++) {
      float e = std::fabs(computed[i + l] - wanted[i + l]);
      bool finite = e < kInfinity;
      e = finite ? e : 0.0f;
      float w = finite ? wanted[i + l] : 0.0f;
      error[l] += static_cast<double>(e) * static_cast<double>(e);
      weight[l] += static_cast<double>(w) * static_cast<double>(w);
      most[l] = e > most[l] ? e : most[l];
      skipped[l] += finite ? 0u : 1u;
    }
  }
  sums.values += n;
  for (std::size_t l = 0; l < kLanes; l++) {
    sums.values -= skipped[l];
    sums.square_error += error[l];
    sums.square_weight += weight[l];
    sums.max_error = std::max(sums.max_error, most[l]);
  }
}

ParamState state_of(const PlanStep& step, const ParamResult& result) {
  if (!result.seen) return ParamState::kKept;
  if (!step.quantized)
    return result.error.max_error == 0 ? ParamState::kExact : ParamState::kRounded;
  bool lossless =
      result.groups > 0 ? result.lattice_groups == result.groups : result.error.max_error == 0;
  return lossless ? ParamState::kExact : ParamState::kQuantized;
}

std::string_view state_name(ParamState state) {
  switch (state) {
    case ParamState::kExact:
      return "exact";
    case ParamState::kQuantized:
      return "quantized";
    case ParamState::kRounded:
      return "rounded";
    case ParamState::kKept:
      return "kept";
  }
  return "kept";
}

ErrorSummary summarize_errors(const Plan& plan, const std::vector<ParamResult>& params) {
  ErrorSummary summary;
  for (std::size_t s = 0; s < params.size(); s++) {
    const PlanStep& step = plan.steps[s];
    ParamState state = state_of(step, params[s]);
    summary.exact += step.quantized && state == ParamState::kExact ? 1u : 0u;
    if (state != ParamState::kQuantized) continue;
    double rms = params[s].error.relative_rms();
    summary.quantized++;
    summary.mean_relative_rms += rms;
    summary.max_error = std::max(summary.max_error, params[s].error.max_error);
    if (summary.quantized > 1 && rms <= summary.worst_relative_rms) continue;
    summary.worst_relative_rms = rms;
    summary.worst_param = step.spec.name;
  }
  if (summary.quantized > 0) summary.mean_relative_rms /= static_cast<double>(summary.quantized);
  return summary;
}

void send_param_events(const Plan& plan, const std::vector<ParamResult>& params,
                       Reporter& reporter) {
  for (std::size_t s = 0; s < params.size(); s++) {
    const PlanStep& step = plan.steps[s];
    const ParamResult& r = params[s];
    Json event = Json::object();
    event.set("name", step.spec.name).set("quantizer", quantizer_of(plan, step));
    event.set("state", state_name(state_of(step, r)));
    event.set("groups", r.groups).set("exact_groups", r.lattice_groups);
    event.set("relative_rms", r.error.relative_rms());
    event.set("max_abs", static_cast<double>(r.error.max_error));
    reporter.event("param", event);
  }
}

std::string report_text(const Plan& plan, const std::vector<ParamResult>& params) {
  std::string text =
      "param\tshape\tquantizer\tstate\tgroups\texact_groups\trelative_rms\tmax_abs\n";
  for (std::size_t s = 0; s < params.size(); s++) {
    const PlanStep& step = plan.steps[s];
    const ParamResult& r = params[s];
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{:.6g}\t{:.6g}\n", step.spec.name,
                        shape_text(step.transform.shape), quantizer_of(plan, step),
                        state_name(state_of(step, r)), r.groups, r.lattice_groups,
                        r.error.relative_rms(), static_cast<double>(r.error.max_error));
  }
  return text;
}

}  // namespace mlc
