// The layer between a reader of files and the plan: tensors that hold one packed linear become one
// tensor X.weight [out, in] that decodes itself when it is read.
//
//   GPTQ, AWQ               X.qweight, X.qzeros, X.scales, X.g_idx
//   compressed-tensors      X.weight_packed, X.weight_scale, X.weight_shape, X.weight_zero_point,
//                           X.weight_g_idx
//   8-bit floats and int8   N with N_scale_inv or N_scale (N ends in .weight)
//   MXFP4                   N_blocks, N_scales -> N [experts, out, in]
//
// A decoded tensor takes the place of its codes in the order of the checkpoint. Scales of
// activations and of the cache (X.input_scale, X.k_scale, ...) are dropped: weights are all that an
// MLC model has; a note counts them.
#pragma once

#include "convert/packed_config.h"
#include "convert/source.h"

namespace mlc {

// What `config` (config.json) and the files beside the checkpoint say.
PackedConfig find_packed_config(const Checkpoint& checkpoint, const Json& config,
                                const std::string& config_path);

// Error(kBadInput) names the tensor: shapes that do not fit together or to the config, a companion
// that is missing, group indices beyond the groups. Error(kUnsupported): packed tensors that the
// config does not explain. Reads the small tensors (g_idx, weight_shape), nothing else.
void decode_packed(Checkpoint& checkpoint, const PackedConfig& config);

// AutoGPTQ gives every linear a bias, of zeros where the model has none. True for such a tensor:
// X.bias of a decoded X.weight, read and found to be zeros.
bool is_zero_bias(const Checkpoint& checkpoint, std::string_view name);

}  // namespace mlc
