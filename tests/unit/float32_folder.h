// Checkpoints of float32 as folders that the engine opens, without the loss that q0f32 has: MLC's
// float32 params travel as bfloat16. The records are raw float32 instead, which the format allows,
// gathered by the plan of convert but not by its executor.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/tensor_cache.h"
#include "convert/convert.h"
#include "convert/source_rows.h"

namespace mlc {

inline std::vector<float> gathered_floats(const Checkpoint& checkpoint, const PlanStep& step) {
  std::vector<float> out(static_cast<std::size_t>(step.transform.rows * step.transform.cols));
  SourceRows(checkpoint).read(step, 0, step.transform.rows, out);
  return out;
}

// Writes params_shard_0.bin and tensor-cache.json for the checkpoint in `source`.
inline void write_float32_folder(const std::string& source, const std::string& out) {
  ConvertOptions options;
  options.config = source;
  options.quantization = "q0f32";
  options.output = out;
  options.threads = 1;
  options.allow_unused = true;
  SilentReporter reporter;
  Prepared prepared = prepare_conversion(options, reporter);
  std::filesystem::create_directories(out);
  Shard shard;
  shard.data_path = "params_shard_0.bin";
  std::string bytes;
  for (const PlanStep& step : prepared.plan.steps) {
    std::vector<float> values = gathered_floats(prepared.checkpoint, step);
    Record record{.name = step.records[0].name,
                  .shape = step.records[0].shape,
                  .dtype = DType::kF32,
                  .format = RecordFormat::kRaw,
                  .nbytes = values.size() * sizeof(float),
                  .byte_offset = bytes.size()};
    bytes.append(reinterpret_cast<const char*>(values.data()), record.nbytes);
    shard.records.push_back(std::move(record));
  }
  shard.nbytes = bytes.size();
  TensorCache cache;
  cache.param_size = shard.records.size();
  cache.shards = {shard};
  write_file_atomically(out + "/params_shard_0.bin", bytes);
  write_file_atomically(out + "/tensor-cache.json", write_tensor_cache(cache));
}

}  // namespace mlc
