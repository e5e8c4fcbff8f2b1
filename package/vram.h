// How much device memory a model needs to run: the number in mlc-app-config.json
// (estimated_vram_bytes) and in a package's annotations.
//
//   weights        the records of the tensor cache, float32 ones at 4 bytes an element even where
//                  they are stored as bfloat16, since a runtime widens them
//   KV cache       of one conversation: 2 x key-value heads x head_dim x 2 bytes (float16) x tokens
//                  for each layer; a layer with a window keeps no more than that and one prefill.
//                  Recurrent layers keep states instead, in float32
//   temporaries    of one prefill of prefill_chunk_size tokens: four rows of the width of the model
//                  and twice its widest result, in float16; and float32 logits of one row
//
// docs/formats.md, "Memory estimate", has the formulas and how near they come.
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
// applied, and the tensor cache). Error(kBadInput) when numbers are missing or can't be. `where` is
// the path of the chat config, for messages. A config.json beside a folder's mlc-chat-config.json
// adds what mlc_llm does not know, as `mlc run` takes it.
VramEstimate estimate_vram(const std::string& folder);
VramEstimate estimate_vram(const Json& chat_config, const Json& tensor_cache,
                           const std::string& where);

}  // namespace mlc
