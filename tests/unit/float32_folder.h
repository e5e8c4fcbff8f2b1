// Checkpoints of float32 as folders that the engine opens, without the loss that q0f32 has: MLC's
// float32 params travel as bfloat16. The records are raw float32 instead, which the format allows,
// gathered by the plan of convert but not by its executor.
#pragma once

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/tensor_cache.h"
#include "convert/convert.h"
#include "convert/elementwise.h"
#include "quantize/cast.h"

namespace mlc {

inline std::vector<float> source_floats(const Checkpoint& checkpoint, const SourceTensor& tensor) {
  std::vector<std::byte> stored(tensor.nbytes);
  checkpoint.files[tensor.file].file->read(tensor.offset, stored);
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  CastCounts counts;
  cast_elements(tensor.dtype, stored.data(), DType::kF32, values.data(), values.size(), counts);
  return values;
}

inline std::vector<float> gathered_floats(const Checkpoint& checkpoint, const PlanStep& step) {
  const Transform& t = step.transform;
  auto cols = static_cast<std::size_t>(t.cols);
  std::vector<float> out(static_cast<std::size_t>(t.rows) * cols);
  for (const RowSegment& segment : t.segments) {
    const SourceTensor& tensor = checkpoint.tensors[step.sources[segment.source]];
    std::vector<float> values = source_floats(checkpoint, tensor);
    if (t.elementwise != Elementwise::kNone) {
      std::vector<std::byte> changed;
      apply_elementwise(t, DType::kF32, DType::kF32, values.data(), values.size(), changed);
      std::memcpy(values.data(), changed.data(), changed.size());
    }
    auto source_cols = static_cast<std::size_t>(col_count(tensor.shape));
    for (std::int64_t r = 0; r < segment.rows; r++)
      for (std::size_t c = 0; c < source_cols; c++) {
        auto row = static_cast<std::size_t>(segment.dst_row + r);
        std::size_t col = c + static_cast<std::size_t>(segment.dst_col);
        if (segment.transposed) {
          row = static_cast<std::size_t>(segment.dst_row) + c;
          col = static_cast<std::size_t>(r);
        }
        auto source_row = static_cast<std::size_t>(segment.src_row + r * segment.step);
        out[row * cols + col] = values[source_row * source_cols + c];
      }
  }
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
