#include "runtime-min/bench.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "base/error.h"
#include "base/parallel.h"
#include "runtime-min/chat/philox.h"

namespace mlc {
namespace {

// A prompt that takes longer is measured once.
constexpr double kLongSeconds = 20;

double seconds_of(const std::function<void()>& work) {
  throw_if_cancelled();
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Bench {
 public:
  Bench(Engine& engine, std::uint32_t prompt_tokens) : engine_(engine), prompt_(prompt_tokens) {
    // Any tokens do: no kernel's time depends on them, but that of the embedding's cache.
    for (std::size_t i = 0; i < prompt_.size(); i++)
      prompt_[i] = {.slot = 0, .token = token(i)};
  }

  double prefill() {
    engine_.reset(0);
    return seconds_of([&] { engine_.forward(prompt_, last_row_of(prompt_)); });
  }

  double decode() {
    RowInput row = {.slot = 0, .token = token(engine_.position(0))};
    return seconds_of(
        [&] { engine_.forward(std::span(&row, 1), last_row_of(std::span(&row, 1))); });
  }

 private:
  std::uint32_t token(std::uint64_t index) const {
    return static_cast<std::uint32_t>(uniform_number(1, index) * engine_.info().vocab);
  }

  Engine& engine_;
  std::vector<RowInput> prompt_;
};

}  // namespace

double BenchResult::bandwidth() const {
  return static_cast<double>(bytes_per_token) * decode.median;
}

double BenchResult::share_of_copy() const {
  return copy.bytes_per_second > 0 ? bandwidth() / copy.bytes_per_second : 0;
}

BenchResult run_bench(Device& device, Engine& engine, const BenchOptions& options,
                      Reporter& reporter) {
  BenchResult result;
  reporter.begin("measure the device's copies", 0);
  result.copy = measure_copy(device);

  Bench bench(engine, options.prompt_tokens);
  std::vector<double> seconds;
  reporter.begin("read the prompt", 0);
  double first = bench.prefill();  // compiles, too
  for (unsigned run = 0; run < options.runs && first < kLongSeconds; run++)
    seconds.push_back(bench.prefill());
  if (seconds.empty()) seconds.push_back(first);
  result.prefill = rates_of(seconds, options.prompt_tokens);

  reporter.begin("decode", 0);
  seconds.clear();
  bench.decode();
  for (std::uint32_t i = 0; i < options.tokens; i++)
    seconds.push_back(bench.decode());
  result.decode = rates_of(seconds, 1);

  reporter.begin("time each kernel", 0);
  engine.set_profiling(true);
  bench.decode();
  result.decode_by_kernel = share_by_kernel(engine.profile());
  bench.prefill();
  result.prefill_by_kernel = share_by_kernel(engine.profile());
  engine.set_profiling(false);
  reporter.end();
  for (const KernelShare& share : result.decode_by_kernel)
    result.bytes_per_token += share.bytes;
  return result;
}

std::vector<KernelShare> share_by_kernel(const std::vector<KernelTime>& times) {
  std::vector<KernelShare> shares;
  for (const KernelTime& time : times) {
    auto found = std::find_if(shares.begin(), shares.end(), [&](const KernelShare& share) {
      return share.kernel == time.kernel && share.variant == time.variant;
    });
    if (found == shares.end())
      found = shares.insert(shares.end(), {.kernel = time.kernel, .variant = time.variant});
    found->calls++;
    found->nanoseconds += time.nanoseconds;
    found->bytes += time.bytes;
  }
  std::stable_sort(shares.begin(), shares.end(), [](const KernelShare& a, const KernelShare& b) {
    return a.nanoseconds > b.nanoseconds;
  });
  return shares;
}

Rates rates_of(std::vector<double> seconds, std::uint32_t tokens) {
  std::sort(seconds.begin(), seconds.end());
  auto rate = [&](std::size_t i) { return tokens / std::max(seconds[i], 1e-9); };
  return {.best = rate(0),
          .median = rate(seconds.size() / 2),
          .runs = static_cast<unsigned>(seconds.size())};
}

}  // namespace mlc
