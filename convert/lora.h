// A PEFT adapter merged into a checkpoint, tensor by tensor, while it is read.
//
// W' = float32(float64(W) + scaling * (B A)), products and sums in float64 in the order of the
// rank, one rounding at the end. Nothing is written and no merged copy of the model exists: each
// merged tensor is a reader over the stored W, A and B.
#pragma once

#include <string>

#include "convert/source.h"

namespace mlc {

// Merges `folder` (adapter_config.json and adapter_model.safetensors or adapter_model.bin) into
// the tensors of the checkpoint, and adds its files to it. Modules to save and biases replace their
// tensors. Error(kBadInput) names the tensor of the adapter that has no place, lacks its partner or
// does not fit; Error(kUnsupported) as parse_lora_config.
void merge_lora(Checkpoint& checkpoint, const std::string& folder);

}  // namespace mlc
