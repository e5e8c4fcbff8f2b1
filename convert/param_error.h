// What became of each param's values: nothing lost, or how much.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/reporter.h"
#include "convert/plan.h"

namespace mlc {

// Of values that are finite on both sides.
struct ErrorSums {
  std::uint64_t values = 0;
  double square_error = 0;
  double square_weight = 0;
  float max_error = 0;
  ErrorSums& operator+=(const ErrorSums& other);
  double relative_rms() const;  // sqrt(square_error / square_weight); 0 without weight
};
void add_errors(const float* computed, const float* wanted, std::size_t n, ErrorSums& sums);

// Sums over the units of a param that were run.
struct ParamResult {
  std::uint64_t groups = 0;
  std::uint64_t lattice_groups =
      0;            // lossless ones (quantize/lattice.h, quantize/lattice_search.h)
  ErrorSums error;  // of what a runtime computes; quantized params against the cast weights
  bool seen = false;
};

// exact: every group is lossless, or every value came through the cast unchanged. quantized,
// rounded: some were not. kept: codes of the checkpoint itself, or shards of an earlier run.
enum class ParamState : std::uint8_t { kExact, kQuantized, kRounded, kKept };
ParamState state_of(const PlanStep& step, const ParamResult& result);
std::string_view state_name(ParamState state);

// Of params whose state is kQuantized.
struct ErrorSummary {
  std::size_t exact = 0;  // params that a quantizer kept without loss
  std::size_t quantized = 0;
  double mean_relative_rms = 0;
  double worst_relative_rms = 0;
  float max_error = 0;
  std::string worst_param;
};
ErrorSummary summarize_errors(const Plan& plan, const std::vector<ParamResult>& params);

// An event "param" for each (docs/formats.md, "Events").
void send_param_events(const Plan& plan, const std::vector<ParamResult>& params,
                       Reporter& reporter);

// One line per param, columns separated by tabs, with a line of names before them
// (docs/formats.md, "Report").
std::string report_text(const Plan& plan, const std::vector<ParamResult>& params);

}  // namespace mlc
