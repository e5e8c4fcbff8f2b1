// The documents of a model package after CNCF ModelPack v0.0.7: its config (whose schema is closed)
// and what we say beyond it, as annotations of the manifest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "package/model_folder.h"
#include "package/oci/manifest.h"

namespace mlc {

struct ModelPackNames {
  std::string name;
  std::string version;
  std::string license;  // empty: unknown
  std::int64_t created = 0;
};

// A text of mlc-chat-config.json; empty when there is none of that name.
std::string chat_text(const ModelFolder& model, std::string_view key);

// Canonical JSON. Members that nothing in the folder says are left out; never is anything guessed.
std::string model_pack_config(const ModelFolder& model, const std::vector<Descriptor>& layers,
                              const ModelPackNames& names);

// ai.mlc.*: quantization, model_type, context_window_size, prefill_chunk_size,
// estimated_vram_bytes (unless 0), packager (this program and its version); and OCI's created,
// title, version.
Annotations model_pack_annotations(const ModelFolder& model, const ModelPackNames& names,
                                   std::uint64_t estimated_vram_bytes);

}  // namespace mlc
