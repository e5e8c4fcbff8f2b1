// --method search against rtn: time per group of one thread, in cache, for each SIMD level.
//
// `ratio` is the square error of the search divided by that of rtn.
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/half.h"
#include "quantize/group_quant.h"

namespace mlc {
namespace {

constexpr std::size_t kRows = 16;
constexpr std::size_t kCols = 5120;  // whole groups of 32 and of 40

// Sums of twelve uniform numbers: close to Gaussian, standard deviation 0.02.
std::vector<std::uint16_t> bell_shaped() {
  std::vector<std::uint16_t> values(kRows * kCols);
  std::uint32_t state = 1;
  for (std::uint16_t& value : values) {
    float sum = 0;
    for (int i = 0; i < 12; ++i) {
      state = state * 1664525u + 1013904223u;
      sum += static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    }
    value = f32_to_bf16(sum * 0.02f);
  }
  return values;
}

void quantize(benchmark::State& state, GroupQuantFn function, bool want_error,
              std::string_view scheme, std::string_view level) {
  const Quantization& q = *find_quantization(scheme);
  const std::vector<std::uint16_t> source = bell_shaped();
  const std::size_t groups = kRows * groups_per_row(q, kCols);
  std::vector<std::uint32_t> words(kRows * words_per_row(q, kCols));
  std::vector<std::uint32_t> scales(groups);
  const GroupQuantBlock block{source.data(), DType::kBF16, kRows,
                              kCols,         words.data(), scales.data()};
  limit_simd_level(level);
  QuantCounts counts;
  for (auto _ : state) {
    counts = {};
    function(q, numeric_rules().back(), block, want_error, counts);
    benchmark::DoNotOptimize(words.data());
    benchmark::ClobberMemory();
  }
  limit_simd_level("");
  const auto all_groups = static_cast<double>(groups) * static_cast<double>(state.iterations());
  // Printed as time: 1 / (groups per second).
  state.counters["per_group"] =
      benchmark::Counter(all_groups, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  if (counts.rtn_square_error > 0)
    state.counters["ratio"] = counts.square_error / counts.rtn_square_error;
}

const bool kRegistered = [] {
  for (const std::string_view scheme : {"q4f16_1", "q3f16_1", "q4bf16_1", "q4f32_1"}) {
    for (const std::string_view level : simd_levels()) {
      const auto name = [&](std::string_view method) {
        return fmt::format("{}/{}/{}", method, scheme, level);
      };
      benchmark::RegisterBenchmark(name("rtn").c_str(), quantize, group_quantize, false, scheme,
                                   level);
      benchmark::RegisterBenchmark(name("search").c_str(), quantize, group_quantize_search, true,
                                   scheme, level);
    }
  }
  return true;
}();

}  // namespace
}  // namespace mlc
