// Schemes that keep what a quantized checkpoint stores: their params in place of the
// architecture's.
//
// q4f16_autoawq takes AutoAWQ's qweight, qzeros and scales of a linear layer as they are, the block
// scale schemes 8-bit float weights with one scale per block. So nothing is quantized here; the
// params have other names, shapes and sources than the model's own.
#pragma once

#include <cstdint>
#include <vector>

#include "convert/source.h"
#include "models/model_config.h"
#include "models/param_spec.h"
#include "quantize/quantization.h"

namespace mlc {

bool keeps_packed(const Quantization& quantization);

// The params of the model (models/models.h) as the scheme stores them: the architecture's own for a
// scheme that quantizes by itself.
// Error(kUnsupported): the config names no weight_block_size, or a param has no such form.
std::vector<ParamSpec> scheme_params(const ModelConfig& config, const Quantization& quantization);

// What one scale of a block scale scheme is for: weight_block_size of the config.
struct BlockSize {
  std::int64_t rows;
  std::int64_t cols;
};
// Error(kUnsupported): the config names none.
BlockSize block_size(const ModelConfig& config, const Quantization& quantization);

// Ministral stores one scale for a whole tensor: gives those tensors of the checkpoint the shape
// that `params` (of scheme_params) have, each scale repeated over the blocks of its own tensor.
void spread_scales(Checkpoint& checkpoint, const std::vector<ParamSpec>& params,
                   const ModelConfig& config, const Quantization& quantization);

}  // namespace mlc
