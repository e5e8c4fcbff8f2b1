// The artifact itself: which param lies where in which shard (tensor-cache.json, and
// ndarray-cache.json, its older name). Reader and writer side by side.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace mlc {

// What "format" says. MLC's writer puts kF32ToBF16 on every record, whatever its dtype; it acts on
// float32 records only, whose stored bytes are bfloat16.
enum class RecordFormat : std::uint8_t { kF32ToBF16, kRaw };

struct Record {
  std::string name;
  std::vector<std::int64_t> shape;
  DType dtype = DType::kF16;  // logical: a float32 record of kF32ToBF16 has 2 bytes per element
  RecordFormat format = RecordFormat::kF32ToBF16;
  std::uint64_t nbytes = 0;       // stored
  std::uint64_t byte_offset = 0;  // in its shard
};

struct Shard {
  std::string data_path;  // relative to the folder of the JSON file
  std::uint64_t nbytes = 0;
  std::vector<Record> records;
  std::string md5sum;  // 32 lower-case hex digits, or empty where an old writer gave none
};

struct TensorCache {
  std::uint64_t param_size = 0;  // number of records
  double param_bytes = 0;        // with float32 counted at 4 bytes, unlike nbytes
  double bits_per_param = 0;
  std::vector<Shard> shards;
};

// Byte for byte what mlc_llm writes: json.dumps(indent=4), no final newline.
std::string write_tensor_cache(const TensorCache& cache);
// The text of the "-b16" file, which mlc_llm writes when a record is float32: those records have
// dtype "bfloat16" and format "raw" there, all else is the same.
std::string write_tensor_cache_b16(const TensorCache& cache);

// Strict. Refused with Error(kBadInput), `where` (the path) and the place: a dataPath that is no
// plain ASCII relative path or is named twice (without regard to case, since some file systems see
// none); a param named twice; a record beyond its shard, of another size than its shape and dtype
// say, overlapping its neighbour or leaving a hole; an unknown format or dtype. Unknown keys are
// passed over, absent metadata is zero.
TensorCache parse_tensor_cache(std::string_view text, const std::string& where);
TensorCache read_tensor_cache(const std::string& path);

}  // namespace mlc
