// A model folder as it is packed: its files, its tensor cache and its configuration, read and held
// against each other.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/reporter.h"
#include "base/tensor_cache.h"
#include "package/model_files.h"

namespace mlc {

struct ModelFolder {
  std::string path;
  Links links = Links::kRefuse;
  std::vector<ModelFile> files;
  TensorCache cache;
  Json tensor_cache;  // the same, as the document
  Json chat_config;
  // Documents that were read, to be held against what is packed.
  std::vector<std::pair<std::string, Digest>> read;
};

// Error(kBadInput): list_model_files() refuses; there is no tensor cache, or both of its names with
// different bytes; a shard that it names is not there; there is no mlc-chat-config.json, or it is
// no JSON object. Error(kVerify): a shard has another size than the tensor cache says. Shards
// without an md5sum are warned of.
ModelFolder read_model_folder(const std::string& path, Links links, Reporter& reporter);

}  // namespace mlc
