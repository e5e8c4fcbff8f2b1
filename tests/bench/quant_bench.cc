// Bytes of source per second of CPU time of every quantization kernel and cast, one thread, buffers
// far larger than the caches, against memcpy of the same payload in the same run ("of_memcpy").
//
//   quant_bench --benchmark_filter='q4f16_1/bfloat16'
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/half.h"
#include "quantize/cast.h"
#include "quantize/group_quant.h"

namespace {

using namespace mlc;

constexpr std::size_t kBytes = std::size_t{256} << 20;
constexpr std::size_t kCols = 3840;  // a multiple of 32 and 40

double memcpy_rate = 0;  // measured first

const void* source(DType dtype) {
  static std::vector<char> data(kBytes);
  static DType filled = DType::kBool;
  if (filled == dtype) return data.data();
  filled = dtype;
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 0.02f);
  std::vector<float> some(1 << 20);
  for (float& f : some)
    f = normal(random);
  const std::size_t size = size_of(dtype);
  for (std::size_t i = 0; i < kBytes / size; i++) {
    float f = some[i * 7919 & ((1u << 20) - 1)];
    std::uint32_t u = f32_bits(f);
    if (dtype == DType::kF16) u = f32_to_f16(f);
    if (dtype == DType::kBF16) u = f32_to_bf16(f);
    std::memcpy(data.data() + i * size, &u, size);
  }
  return data.data();
}

char* target() {
  static std::vector<char> data(2 * kBytes, 1);  // touched: no page faults in the measurement
  return data.data();
}

template <class F>
void measure(benchmark::State& state, F f) {
  for (auto _ : state) {
    f();
    benchmark::ClobberMemory();
  }
  const double bytes = static_cast<double>(kBytes) * static_cast<double>(state.iterations());
  state.counters["GB/s"] = benchmark::Counter(bytes / 1e9, benchmark::Counter::kIsRate);
  if (memcpy_rate > 0)
    state.counters["of_memcpy"] =
        benchmark::Counter(bytes / 1e9 / memcpy_rate, benchmark::Counter::kIsRate);
}

void copy(benchmark::State& state) {
  const void* src = source(DType::kBF16);
  std::memcpy(target(), src, kBytes);  // page faults happen here
  std::clock_t begin = std::clock();
  measure(state, [&] { std::memcpy(target(), src, kBytes); });
  double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  memcpy_rate =
      static_cast<double>(kBytes) * static_cast<double>(state.iterations()) / 1e9 / seconds;
}

void group(benchmark::State& state, const Quantization& q, const NumericRule& rule, DType dtype,
           const std::string& level, bool want_error, bool reference) {
  limit_simd_level(level);
  const std::size_t rows = kBytes / size_of(dtype) / kCols / (reference ? 16 : 1);
  GroupQuantBlock block{source(dtype), dtype, rows, kCols, nullptr, nullptr};
  block.q_weight = reinterpret_cast<std::uint32_t*>(target());
  block.q_scale = target() + kBytes;
  auto* quantize = reference ? group_quantize_reference : group_quantize;
  measure(state, [&] {
    for (int part = 0; part < (reference ? 16 : 1); part++) {
      QuantCounts counts;
      quantize(q, rule, block, want_error, counts);
    }
  });
  limit_simd_level("");
}

void cast(benchmark::State& state, DType from, DType to, const std::string& level) {
  limit_simd_level(level);
  const void* src = source(from);
  measure(state, [&] {
    CastCounts counts;
    cast_elements(from, src, to, target(), kBytes / size_of(from), counts);
  });
  limit_simd_level("");
}

void store(benchmark::State& state, const std::string& level) {
  limit_simd_level(level);
  const auto* src = static_cast<const float*>(source(DType::kF32));
  measure(state, [&] { store_f32_as_bf16(src, target(), kBytes / sizeof(float)); });
  limit_simd_level("");
}

// The rate counts bytes of the float32 result.
void dequantize(benchmark::State& state, const Quantization& q, const std::string& level) {
  limit_simd_level(level);
  const std::size_t rows = kBytes / 4 / kCols;  // the float32 result fills the target
  const std::size_t words = rows * words_per_row(q, kCols);
  const auto* weights = static_cast<const std::uint32_t*>(source(DType::kBF16));
  const void* scales = weights + words;
  measure(state, [&] {
    group_dequantize(q, rows, kCols, weights, scales, reinterpret_cast<float*>(target()));
  });
  limit_simd_level("");
}

template <class F>
void add(const std::string& name, F f) {
  benchmark::RegisterBenchmark(name.c_str(), f)->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  add("memcpy", copy);
  const NumericRule& rule = numeric_rules().back();
  for (DType dtype : {DType::kBF16, DType::kF16, DType::kF32})
    for (const char* scheme : {"q4f16_1", "q3f16_1", "q4bf16_1", "q4f32_1"}) {
      const Quantization& q = *find_quantization(scheme);
      const std::string name = std::string(scheme) + "/" + std::string(name_of(dtype)) + "/";
      for (std::string_view level : simd_levels())
        for (bool error : {false, true})
          add(name + std::string(level) + (error ? "/error" : ""), [=, &q, &rule](auto& state) {
            group(state, q, rule, dtype, std::string(level), error, false);
          });
      add(name + "reference",
          [=, &q, &rule](auto& state) { group(state, q, rule, dtype, "", false, true); });
    }
  for (DType from : {DType::kBF16, DType::kF16, DType::kF32})
    for (DType to : {DType::kF16, DType::kBF16, DType::kF32})
      for (std::string_view level : simd_levels())
        add("cast/" + std::string(name_of(from)) + "/" + std::string(name_of(to)) + "/" +
                std::string(level),
            [=](auto& state) { cast(state, from, to, std::string(level)); });
  for (std::string_view level : simd_levels()) {
    add("store_f32_as_bf16/" + std::string(level),
        [=](auto& state) { store(state, std::string(level)); });
    for (const char* scheme : {"q4f16_1", "q3f16_1"})
      add(std::string("dequantize/") + scheme + "/" + std::string(level),
          [=](auto& state) { dequantize(state, *find_quantization(scheme), std::string(level)); });
  }
  // memcpy always runs, whatever the filter says.
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::string filter = benchmark::GetBenchmarkFilter();
  if (!filter.empty()) filter = "memcpy|" + filter;
  benchmark::RunSpecifiedBenchmarks(filter);
  return 0;
}
