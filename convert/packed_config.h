// How a checkpoint says that its linears are packed: quantization_config of config.json.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace mlc {

enum class PackedKind : std::uint8_t {
  kNone,        // no quantization_config
  kGptq,        // X.qweight, X.qzeros, X.scales, X.g_idx
  kAwq,         // X.qweight, X.qzeros, X.scales
  kCompressed,  // compressed-tensors: X.weight_packed ..., or an 8-bit X.weight with X.weight_scale
  kScaled,      // 8-bit X.weight with X.weight_scale_inv or X.weight_scale
  kMxfp4,       // X_blocks, X_scales
};

// What the integers of a linear can be; a checkpoint may mix several.
struct PackedInts {
  int bits = 4;
  std::int64_t group_size = -1;  // -1: a row is one group
};

struct PackedConfig {
  PackedKind kind = PackedKind::kNone;
  std::string method;            // quant_method as the file writes it
  std::vector<PackedInts> ints;  // one for GPTQ and AWQ, one a config group otherwise
  int zero_offset = 0;           // added to stored zero points
  std::optional<std::array<std::int64_t, 2>> weight_block;  // rows and columns that share a scale
};

// Reads quantization_config (or that of text_config) of a config.json; `where` names it in
// messages. Error(kUnsupported) names a quant_method, format, version or width that we can't
// decode; Error(kBadInput) a value that can't be.
PackedConfig parse_packed_config(const Json& config, const std::string& where);

// quantize_config.json (AutoGPTQ) or quant_config.json (AutoAWQ), which older writers put beside a
// config.json that does not mention them.
PackedConfig parse_packed_sidecar(const Json& sidecar, const std::string& where, PackedKind kind);

// The name of a kind as --source-format and the summary say it.
std::string_view packed_kind_name(PackedKind kind);

}  // namespace mlc
