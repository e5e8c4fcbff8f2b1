// Matrix-vector products of a device (MLC_BENCH_DEVICE; the CPU if that is not set): GB/s of packed
// weights and scales, the best of many runs, and beside it what plain reading of as much memory
// gives.
//
// cmake -DMLC_BENCH=ON; build/release/tests/matvec_bench
// In cache: the same matrix each time. In memory: as many matrices as fill 256 MB, one after the
// other, as a model's layers are.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <benchmark/benchmark.h>

#include "base/parallel.h"
#include "runtime-min/device.h"
#include "verify/kernel_cases/case_data.h"

namespace mlc {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::uint64_t sum_words(const std::uint64_t* from, std::size_t count) {
  std::array<std::uint64_t, 8> sums{};  // the compiler makes vectors of it
  for (std::size_t i = 0; i + 8 <= count; i += 8)
    for (std::size_t j = 0; j < 8; j++)
      sums[j] += from[i + j];
  std::uint64_t sum = 0;
  for (const std::uint64_t s : sums)
    sum += s;
  return sum;
}

// GB/s of reading `bytes` with `threads`, the best of several runs.
double read_rate(std::size_t bytes, unsigned threads) {
  const std::vector<std::uint64_t> data(bytes / 8, 1);
  const std::size_t share = data.size() / threads;
  double best = 1e9;
  for (int run = 0; run < 20; run++) {
    std::vector<std::thread> others;
    std::vector<double> took(threads);
    std::atomic<unsigned> ready{0};
    auto work = [&](unsigned t) {
      ready++;
      while (ready != threads) {
      }
      const auto start = Clock::now();
      for (int turn = 0; turn < 4; turn++)
        benchmark::DoNotOptimize(sum_words(data.data() + t * share, share));
      took[t] = seconds_since(start) / 4;
    };
    for (unsigned t = 1; t < threads; t++)
      others.emplace_back(work, t);
    work(0);
    for (std::thread& other : others)
      other.join();
    best = std::min(best, *std::max_element(took.begin(), took.end()));
  }
  return static_cast<double>(share * threads * 8) / best / 1e9;
}

// format (of kFormats), n, k, rows, threads (0: all), in memory
void matvec(benchmark::State& state) {
  const Format& format = kFormats[static_cast<std::size_t>(state.range(0))];
  const auto n = static_cast<std::size_t>(state.range(1));
  const auto k = static_cast<std::size_t>(state.range(2));
  const auto rows = static_cast<std::size_t>(state.range(3));
  DeviceOptions options;
  const char* name = std::getenv("MLC_BENCH_DEVICE");
  options.device = name == nullptr ? "cpu" : name;
  options.threads = static_cast<unsigned>(state.range(4));
  auto device = open_device(options);
  Random random("matvec");
  const auto weight = random_weight(random, format.weight, n, k);
  const auto scale = random_scale(random, format.weight, format.scale, n, k);
  const auto x = random_vector(random, rows * k);
  const std::size_t bytes = (weight.size() + scale.size()) * 4;
  const std::size_t copies = state.range(5) != 0 ? 256000000 / bytes + 1 : 1;
  auto up = [](std::size_t b) { return (b + 255) / 256 * 256; };
  const std::size_t step = up(weight.size() * 4) + up(scale.size() * 4);
  auto buffer = device->make_buffer(copies * step, BufferUse::kDevice);
  auto in = device->make_buffer(x.size() * 4, BufferUse::kShared);
  auto out = device->make_buffer(rows * n * 4, BufferUse::kShared);
  device->write(*in, 0, std::as_bytes(std::span(x)));
  std::vector<Dispatch> dispatches;
  for (std::size_t i = 0; i < copies; i++) {
    const std::size_t at = i * step, scale_at = at + up(weight.size() * 4);
    device->write(*buffer, at, std::as_bytes(std::span(weight)));
    device->write(*buffer, scale_at, std::as_bytes(std::span(scale)));
    Dispatch d{Kernel::kMatmul};
    d.buffers[0] = {in.get(), 0, in->bytes()};
    d.buffers[1] = {buffer.get(), at, weight.size() * 4};
    if (!scale.empty()) d.buffers[2] = {buffer.get(), scale_at, scale.size() * 4};
    d.buffers[5] = {out.get(), 0, out->bytes()};
    d.words = {static_cast<std::uint32_t>(format.weight),
               static_cast<std::uint32_t>(format.scale),
               word(k),
               word(n),
               0,
               0,
               word(rows),
               word(k),
               0,
               word(n),
               0,
               word(1.0f)};
    dispatches.push_back(d);
  }
  auto program = device->record(dispatches);
  double best = 1e9;
  while (state.KeepRunning()) {
    const auto start = Clock::now();
    device->run(*program);
    best = std::min(best, seconds_since(start) / static_cast<double>(copies));
  }
  const double rate = static_cast<double>(bytes) / best / 1e9;
  const unsigned threads = options.threads == 0 ? default_threads() : options.threads;
  const double read = read_rate(copies * bytes, threads);
  state.counters["best_us"] = best * 1e6;
  state.counters["GB/s"] = rate;
  state.counters["read_GB/s"] = read;
  state.counters["of_read"] = rate / read;
  state.counters["GFLOP/s"] = 2e-9 * static_cast<double>(n * k * rows) / best;
  state.SetLabel(std::string(format.name));
}

constexpr int kF16 = 1, kQ4F16 = 3, kQ3F16 = 6;

BENCHMARK(matvec)
    ->ArgNames({"format", "n", "k", "rows", "threads", "memory"})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime()
    ->ArgsProduct({{kQ4F16}, {4096, 11008}, {4096}, {1}, {1, 0}, {0, 1}})
    ->ArgsProduct({{kQ3F16, kF16}, {4096}, {4096}, {1}, {0}, {0, 1}})
    ->ArgsProduct({{kQ4F16}, {4096}, {4096}, {2, 4, 8, 16, 64, 256}, {1, 0}, {0}})
    ->ArgsProduct({{kF16}, {4096}, {4096}, {64}, {1, 0}, {0}});

}  // namespace
}  // namespace mlc
