// The front door of convert/: a Hugging Face checkpoint becomes the weights of an MLC model folder.
//
//   OUT/params_shard_0.bin, ...   the records, packed as mlc_llm packs them
//   OUT/tensor-cache.json         the index that MLC runtimes read since September 2025
//   OUT/ndarray-cache.json        the same bytes under the older name
//   OUT/*-cache-b16.json          both, when a float32 param occurs
//
// An index file lies in OUT exactly when every shard it names is complete and synced. Other files
// in OUT (mlc-chat-config.json, tokenizer) stay. All errors are mlc::Error; Cancelled on Ctrl-C.
#pragma once

#include <cstdint>
#include <string>

#include "base/reporter.h"
#include "convert/execute.h"
#include "convert/plan.h"

namespace mlc {

struct ConvertOptions {
  std::string config;        // config.json, or a folder that holds it
  std::string quantization;  // "q4f16_1"
  std::string output;        // folder; may exist
  std::string model_type = "auto";
  std::string source = "auto";  // auto: the folder of the config
  std::string source_format = "auto";
  std::string lora_adapter;  // folder of a PEFT adapter to merge; empty: none
  std::string numerics = "mlc-2026";
  std::string method = "rtn";
  // Also measure each param's error if the weights were not quantized before; those that were are
  // always measured.
  bool measure_params = false;
  bool keep_lattices = true;  // false: the method's values even for weights on a lattice
  unsigned threads = 0;       // 0: all usable CPUs
  std::uint64_t max_memory = std::uint64_t{256} << 20;
  // Keep what an interrupted run of the same conversion finished: the same plan, numerics, method
  // and source files (names, sizes, times). If there is such a run, it may also replace a complete
  // conversion: the interrupted run had been told to. What a resumed run finished stays when it
  // fails or is stopped.
  bool resume = false;
  bool overwrite = false;     // replace a complete conversion in OUT
  bool allow_unused = false;  // go on when the model has no place for a tensor of the checkpoint
};

// A plan with what it was made from.
struct Prepared {
  Checkpoint checkpoint;
  Plan plan;
  unsigned threads = 1;
  std::uint64_t peak_memory = 0;  // bound, bytes
  std::uint64_t disk_needed = 0;  // bytes to be written, index files included
};

struct ConvertSummary {
  ExecuteResult execute;
  bool measured = false;        // execute.params holds errors
  std::size_t kept_shards = 0;  // from an earlier run, with --resume
  double seconds = 0;
  std::uint64_t peak_memory = 0;  // measured, resident set of the process
  std::vector<std::string> index_files;
  std::vector<std::string> warnings;  // of the plan, and of the values seen
};

// Error(kUsage) when CONFIG is not there (mlc_llm takes that for a wrong command line, too),
// kBadInput when it is a folder without config.json.
void check_config_path(const std::string& config);

// Reads headers and builds the checked plan; writes nothing. Warnings go to the reporter.
Prepared prepare_conversion(const ConvertOptions& options, Reporter& reporter);

// The whole conversion.
ConvertSummary run_conversion(const ConvertOptions& options, const Prepared& prepared,
                              Reporter& reporter);

}  // namespace mlc
