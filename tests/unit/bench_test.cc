// The sums of the benchmark, and its order of calls, on an engine that follows a script.
#include "runtime-min/bench.h"

#include <gtest/gtest.h>

#include "scripted_engine.h"

namespace mlc {
namespace {

KernelTime timed(Kernel kernel, const char* variant, std::uint64_t nanoseconds,
                 std::uint64_t bytes) {
  return {.label = "",
          .kernel = kernel,
          .variant = variant,
          .nanoseconds = nanoseconds,
          .bytes = bytes};
}

TEST(ShareByKernel, AddsUpEachVariantSlowestFirst) {
  std::vector<KernelShare> shares = share_by_kernel(
      {timed(Kernel::kNorm, "norm", 5, 10), timed(Kernel::kMatmul, "rows1", 20, 100),
       timed(Kernel::kMatmul, "tiled", 24, 30), timed(Kernel::kNorm, "norm", 6, 10),
       timed(Kernel::kMatmul, "rows1", 30, 200)});
  ASSERT_EQ(shares.size(), 3u);
  EXPECT_EQ(shares[0].variant, "rows1");
  EXPECT_EQ(shares[0].calls, 2u);
  EXPECT_EQ(shares[0].nanoseconds, 50u);
  EXPECT_EQ(shares[0].bytes, 300u);
  EXPECT_EQ(shares[1].variant, "tiled");
  EXPECT_EQ(shares[2].kernel, Kernel::kNorm);
  EXPECT_EQ(shares[2].nanoseconds, 11u);
}

TEST(Rates, OfTheFastestAndTheMiddleRun) {
  Rates rates = rates_of({0.5, 0.25, 1.0}, 8);
  EXPECT_EQ(rates.best, 32);
  EXPECT_EQ(rates.median, 16);
  EXPECT_EQ(rates.runs, 3u);
}

TEST(BenchResult, BandwidthIsBytesPerTokenTimesTokens) {
  BenchResult result;
  result.bytes_per_token = 1000;
  result.decode.median = 50;
  EXPECT_EQ(result.bandwidth(), 50000);
  EXPECT_EQ(result.share_of_copy(), 0);
  result.copy.bytes_per_second = 200000;
  EXPECT_EQ(result.share_of_copy(), 0.25);
}

TEST(Bench, ReadsThePromptAndDecodesBehindIt) {
  ScriptedEngine engine(20, ScriptedEngine::answers({}));
  DeviceOptions options;
  options.device = "cpu-reference";
  std::unique_ptr<Device> device = open_device(options);
  SilentReporter reporter;
  BenchResult result =
      run_bench(*device, engine, {.prompt_tokens = 6, .tokens = 4, .runs = 2}, reporter);
  EXPECT_EQ(result.prefill.runs, 2u);
  EXPECT_EQ(result.decode.runs, 4u);
  EXPECT_GT(result.decode.median, 0);
  EXPECT_GT(result.copy.bytes_per_second, 0);
  // Four prompts (one to compile, one to profile), and six tokens.
  EXPECT_EQ(engine.computed, 4 * 6u + 6);
}

}  // namespace
}  // namespace mlc
