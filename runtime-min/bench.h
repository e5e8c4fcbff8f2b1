// How fast a model runs on a device, and where the time goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "runtime-min/bandwidth.h"
#include "runtime-min/engine/engine.h"

namespace mlc {

struct BenchOptions {
  std::uint32_t prompt_tokens = 128;  // at least 1
  std::uint32_t tokens = 64;          // decoded after the prompt, at least 1
  unsigned runs = 3;                  // of prefill; fewer where one takes long
};

// Several measurements of one thing, in tokens per second.
struct Rates {
  double best = 0;
  double median = 0;
  unsigned runs = 0;
};

// All dispatches of one kernel in its version.
struct KernelShare {
  Kernel kernel = Kernel::kCopy;
  std::string variant;
  std::uint64_t calls = 0;
  std::uint64_t nanoseconds = 0;
  std::uint64_t bytes = 0;
};

struct BenchResult {
  CopyBandwidth copy;
  Rates prefill;
  Rates decode;                                                  // of single tokens
  std::vector<KernelShare> prefill_by_kernel, decode_by_kernel;  // of one call, slowest first
  std::uint64_t bytes_per_token = 0;  // what the kernels of one decoded token read and write

  // Bytes per second of the median token, and as a share of `copy`.
  double bandwidth() const;
  double share_of_copy() const;
};

// The engine's slot 0 is emptied. Each call is measured from outside, with everything that belongs
// to it; the kernels once more alone, one by one. The context has to hold the prompt, the tokens
// and two more.
BenchResult run_bench(Device& device, Engine& engine, const BenchOptions& options,
                      Reporter& reporter);

// Adds up what has the same kernel and variant; the slowest first.
std::vector<KernelShare> share_by_kernel(const std::vector<KernelTime>& times);

Rates rates_of(std::vector<double> seconds, std::uint32_t tokens);

}  // namespace mlc
