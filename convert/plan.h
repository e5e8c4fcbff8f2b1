// The complete layout of a conversion, known and checked before one weight is read.
//
// Where every output byte lies depends only on names, shapes, dtypes and order, all of which stand
// in headers. build_plan is pure: no file is read or written. What holds from here on: every source
// exists with the right shape, every record has its shard and offset, shards have no holes, and
// every tensor of the checkpoint is used, ignored by a named rule, or listed as unused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "convert/quant_rules.h"
#include "convert/source.h"
#include "convert/transform.h"
#include "models/model_config.h"
#include "quantize/quantization.h"

namespace mlc {

// One entry of the tensor cache and its bytes.
struct PlanRecord {
  std::string name;
  std::vector<std::int64_t> shape;
  DType dtype = DType::kF16;  // logical; kF32 is stored as bfloat16
  std::uint64_t nbytes = 0;   // stored
  std::size_t shard = 0;
  std::uint64_t offset = 0;
};

// One param: gathered by `transform`, then made into records by `packer`.
struct PlanStep {
  ParamSpec spec;
  std::vector<std::size_t> sources;  // indices into Checkpoint::tensors, in argument order
  Transform transform;
  Packer packer = Packer::kCast;
  bool quantized = false;  // by any packer but kCast
  bool packed_kn = false;  // records are [words, rows] and [groups, rows]
  std::vector<PlanRecord> records;
  // Units of work span segments (convert/work.h) and hold a multiple of this many rows; 0: no.
  std::int64_t band_rows = 0;
};

struct IgnoredSource {
  std::string name;
  std::string rule;
};

struct Plan {
  const Quantization* quantization = nullptr;
  std::string model_type;
  bool in_mlc_llm = true;                  // of Architecture
  std::vector<PlanStep> steps;             // in output order
  std::vector<std::uint64_t> shard_sizes;  // params_shard_0.bin, ...
  std::vector<IgnoredSource> ignored;
  std::vector<std::string> unused;  // neither used nor ignored by a rule
  std::vector<std::string> warnings;
  std::uint64_t read_bytes = 0;     // of all sources, each counted once per use
  std::uint64_t written_bytes = 0;  // of all shards
  std::int64_t param_elements = 0;  // before quantization
  // The figures of the tensor cache's metadata, as mlc_llm computes them (docs/formats.md).
  std::uint64_t param_bytes = 0;     // float32 counted as 4 bytes
  std::int64_t loaded_elements = 0;  // the divisor of BitsPerParam
  double bits_per_param() const;
  bool has_float32() const;
};

// Error(kBadInput): missing tensors (first ten with their nearest names, then a count), shapes that
// do not fit. Error(kUnsupported): a param the quantization can't express.
Plan build_plan(const Checkpoint& checkpoint, const ModelConfig& config,
                const std::vector<ParamSpec>& specs, const Quantization& quantization);

// What a param of this shape becomes: its records in output order, without their places.
// Error(kUnsupported): the quantization can't express it.
std::vector<PlanRecord> records_of(const ParamSpec& spec, const std::vector<std::int64_t>& shape,
                                   const Quantization& quantization);

std::string shard_name(std::size_t index);  // "params_shard_3.bin"

}  // namespace mlc
