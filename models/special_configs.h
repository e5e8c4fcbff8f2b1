// The parts of config.json that no general step describes: rope scaling and fp8 quantization.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace mlc {

struct RopeContext {
  const Json& fields;
  const std::string& path;
  std::string_view model_type;
  std::vector<std::string>& warnings;
};

// What becomes of a rope_scaling object: itself, extended, or null. Error(kUnsupported) for a kind
// that no MLC runtime of such models has.
Json known_llama3_scaling(const Json& scaling, const RopeContext& context);
Json known_longrope_scaling(const Json& scaling, const RopeContext& context);

struct Fp8Blocks {
  Json size;      // [rows, columns], or null when the checkpoint's scales are not per block
  Json excluded;  // modules_to_not_convert, a list
};

// None when the checkpoint is quantized by another method than fp8: that is for the reader of its
// tensors to judge, not for the model's config. Error(kBadInput) for a malformed block size,
// Error(kUnsupported) for a float8 format other than e4m3.
std::optional<Fp8Blocks> read_fp8_blocks(const Json& quantization_config, const std::string& where);

}  // namespace mlc
