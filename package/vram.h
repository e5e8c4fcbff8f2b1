// How much device memory a model needs to run: the number in mlc-app-config.json
// (estimated_vram_bytes) and in a package's annotations.
//
//   weights        the sum of the records' nbytes in the tensor cache
//   KV cache       2 x layers x key-value heads x head_dim x 2 bytes (float16) x context tokens;
//                  states of recurrent layers instead, where a model has them
//   temporaries    of one prefill of prefill_chunk_size tokens: the largest set of activations
//   alive
//                  at a time, and float32 logits of one row
// docs/formats.md, "Memory estimate", has the formulas.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"

namespace mlc {

struct VramEstimate {
  std::uint64_t weights = 0;
  std::uint64_t kv_cache = 0;
  std::uint64_t temporaries = 0;
  std::uint64_t total() const { return weights + kv_cache + temporaries; }
};

// Of a model folder, or of its parsed documents (mlc-chat-config.json with the overrides already
// applied, and the tensor cache). Error(kBadInput) when numbers are missing or can't be.
VramEstimate estimate_vram(const std::string& folder);
VramEstimate estimate_vram(const Json& chat_config, const Json& tensor_cache,
                           const std::string& where);

}  // namespace mlc
