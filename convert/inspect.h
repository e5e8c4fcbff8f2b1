// `mlc inspect`: what a checkpoint, an adapter or a converted model consists of, from headers
// alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "convert/source_folder.h"

namespace mlc {

struct InspectedTensor {
  std::string name;
  std::string dtype;  // stored: "bfloat16", "Q4_0"
  std::vector<std::int64_t> shape;
  std::uint64_t elements = 0;
  std::uint64_t nbytes = 0;  // stored
  std::size_t file = 0;      // into files
  std::uint64_t offset = 0;  // in that file
};

struct Inspected {
  std::string path;
  std::string format;  // "safetensors", "torch", "gguf", "mlc"
  struct File {
    std::string name;
    std::uint64_t nbytes = 0;
  };
  std::vector<File> files;
  std::vector<InspectedTensor>
      tensors;  // in the order of the checkpoint, of a converted model by file
  struct Metadata {
    std::string file, key;
    Json value;
  };
  std::vector<Metadata> metadata;  // as the files have it
  // What is known of the whole: "model", "quantization", "adapter"; objects.
  std::vector<std::pair<std::string, Json>> facts;
  std::vector<std::string> warnings;
};

// `path`: whatever open_checkpoint takes; a folder with adapter_config.json; a folder with
// tensor-cache.json or ndarray-cache.json, that file, or one params_shard_*.bin beside it. The same
// errors as open_checkpoint; but GGUF types and architectures that can't be converted are shown.
// On servers: the addresses of convert/hub.h, of which only headers are fetched.
Inspected inspect(const std::string& path, bool allow_http = false);
// `name`: a file of the folder; empty: the folder itself.
Inspected inspect(const std::shared_ptr<const SourceFolder>& folder, const std::string& name);

// Totals, facts, metadata and a line per tensor.
std::string inspect_text(const Inspected& inspected);
// The same, but names are folded by their dots, and layers that are alike are shown once.
std::string inspect_tree(const Inspected& inspected);
Json inspect_json(const Inspected& inspected);  // docs/formats.md, "Inspect"

}  // namespace mlc
