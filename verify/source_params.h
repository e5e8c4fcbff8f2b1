// A checkpoint as the engine's params: what the model was made from, without the loss of a
// conversion. Rows are gathered from the checkpoint when they are asked for; nothing is kept.
#pragma once

#include <memory>

#include "convert/convert.h"
#include "runtime-min/engine/engine.h"
#include "runtime-min/engine/param_store.h"

namespace mlc {

// Params in the dtype of the checkpoint's tensors where that holds them exactly (float16, bfloat16,
// of which a float32 engine takes half the memory), else in float32.
std::unique_ptr<ParamStore> source_params(Prepared prepared);

struct SourceModel {
  LoadedModel model;  // with the checkpoint's own config
  std::unique_ptr<ParamStore> params;
};

// `source`: a checkpoint with its config.json. Errors of prepare_conversion (convert/convert.h).
SourceModel open_source_model(const std::string& source, const std::string& source_format,
                              const std::string& model_type, Reporter& reporter);

}  // namespace mlc
