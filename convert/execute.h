// Runs a plan: every source byte is read once, every output byte written once, at its planned
// offset.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "convert/param_error.h"
#include "convert/plan.h"
#include "convert/shard_store.h"
#include "quantize/cast.h"
#include "quantize/group_quant.h"

namespace mlc {

struct ExecuteOptions {
  const NumericRule* rule = nullptr;
  GroupQuantFn quantizer = nullptr;  // a row of methods() in convert/method.h
  bool want_error = false;           // fill the square errors of the counts
  bool measure_params = false;       // fill the errors of ExecuteResult::params
  // Weights on a lattice of 16 levels a group are stored without loss, whether a reader tells
  // (ElementReader::read_lattice) or they are found (convert/found_lattices.h).
  bool keep_lattices = true;
  unsigned threads = 1;
  std::uint64_t max_memory = std::uint64_t{256} << 20;
};

// Seconds of thread time per stage, summed over threads.
struct StageTimes {
  double read = 0;
  double transform = 0;  // turning and element-wise ops
  double quantize = 0;   // and casts
  double write = 0;
  double hash = 0;
  double sync = 0;  // while other work went on
  StageTimes& operator+=(const StageTimes& other);
};

struct ExecuteResult {
  std::vector<std::string> md5;     // of each shard
  QuantCounts quantized;            // over quantized params
  CastCounts cast;                  // over the others
  std::vector<ParamResult> params;  // by step of the plan
  // Params whose groups all kept their lattice (quantize/lattice.h), of those quantized in this
  // run.
  std::size_t lossless_params = 0;
  std::size_t found_lattices = 0;      // sources found to lie on a lattice, of all in the plan
  std::vector<std::string> nonfinite;  // params in which a NaN or an infinity was seen
  StageTimes times;
  double sync_seconds = 0;  // at the end, when only the disk was waited for
};

// What a worker reads at a time: small enough to stay in a second-level cache with its output.
inline constexpr std::uint64_t kBlockBytes = std::uint64_t{512} << 10;

// The peak that execute_plan keeps to, buffers and file headers included.
std::uint64_t planned_memory(const Plan& plan, const Checkpoint& checkpoint, unsigned threads,
                             std::uint64_t max_memory);

// Writes every shard that `store` does not have yet, hashes and syncs all. Throws Cancelled.
ExecuteResult execute_plan(const Plan& plan, const Checkpoint& checkpoint,
                           const ExecuteOptions& options, ShardStore& store, Reporter& reporter);

}  // namespace mlc
