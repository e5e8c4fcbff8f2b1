// Checkpoints of several files, with or without an index such as model.safetensors.index.json.
// PyTorch's pytorch_model.bin.index.json has the same form.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convert/source.h"
#include "convert/source_folder.h"

namespace mlc {

struct SafetensorsIndex {
  struct Entry {
    std::string tensor;
    std::size_t file;  // into files
  };
  std::vector<std::string> files;    // in order of first appearance
  std::vector<Entry> entries;        // in the order of weight_map
  std::optional<double> total_size;  // metadata.total_size; some writers give a float
};

// Error(kBadInput) unless the text is strict JSON with a weight_map of tensor name -> file name, at
// least one, each file a plain path below the folder of the index: relative, without empty, "." or
// ".." parts, backslashes, colons or control characters. Other members are ignored. A symbolic link
// is followed when the file is opened (the hub's cache consists of them).
SafetensorsIndex parse_safetensors_index(std::string_view text, const std::string& where);

// Reads the headers of one file of a format.
using ReadTensors = std::vector<SourceTensor> (*)(const std::shared_ptr<InputFile>& file,
                                                  std::vector<std::string>& warnings);
std::vector<SourceTensor> safetensors_tensors(const std::shared_ptr<InputFile>& file,
                                              std::vector<std::string>& warnings);

// The files that the index names, below `folder`. Error(kBadInput), listing all names, when a file
// is missing, when a file lacks a tensor, or when two files hold the same one. A tensor that the
// index does not mention, and a wrong total_size, are warnings, as upstream takes no notice.
Checkpoint open_indexed(const SourceFolder& folder, const std::string& index_name,
                        ReadTensors read = safetensors_tensors);

// Whole files in the order given, without index.
Checkpoint open_files(const SourceFolder& folder, const std::vector<std::string>& names,
                      ReadTensors read = safetensors_tensors);

}  // namespace mlc
