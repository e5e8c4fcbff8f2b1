// A checkpoint as the plan sees it: named tensors that lie at known places in files.
//
// Opening reads headers only. Every reader (safetensors here; torch, GGUF and others later) checks
// its format completely and gives this same table, so an invalid checkpoint can't reach the plan.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/file.h"

namespace mlc {

struct SourceTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;  // row-major, contiguous
  std::size_t file = 0;             // index into Checkpoint::files
  std::uint64_t offset = 0;         // of the first byte, in that file
  std::uint64_t nbytes = 0;         // equal to the product of shape times the element size
  std::int64_t elements() const;
};

struct SourceFile {
  std::string name;  // relative to the checkpoint folder, as the index writes it
  std::shared_ptr<InputFile> file;
  std::uint64_t elements = 0;  // of all tensors in the file
};

struct Checkpoint {
  std::string folder;
  std::vector<SourceFile> files;  // in order of first appearance
  // In mlc_llm's loading order within each file: the index's weight_map order, or for a single file
  // without index the order by data offset (docs/formats.md, "Order").
  std::vector<SourceTensor> tensors;
  std::vector<std::string> warnings;  // total_size wrong, header unusually large, ...
  const SourceTensor* find(std::string_view name) const;  // nullptr if absent
  void build_lookup();                                    // readers call it last

 private:
  std::map<std::string, std::size_t, std::less<>> lookup_;
};

// `source`: a folder, a *.safetensors file, or a *.safetensors.index.json. Errors: docs of the
// reader.
Checkpoint open_checkpoint(const std::string& source, std::string_view format);

}  // namespace mlc
