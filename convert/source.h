// A checkpoint as the plan sees it: named tensors that lie at known places in files.
//
// Opening reads headers only. Every reader (safetensors here; torch, GGUF and others later) checks
// its format completely and gives this same table, so an invalid checkpoint can't reach the plan.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/file.h"

namespace mlc {

// Elements of a tensor that is not stored as plain numbers: blocks of codes, a merge of several
// stored tensors. Given by the reader of a format; the executor knows nothing else of the format.
class ElementReader {
 public:
  virtual ~ElementReader() = default;
  // Fills `out` with `count` elements of the tensor's dtype from `first` on. `first` and `count`
  // are multiples of the last dimension, or of kElementAlignment for a 1-D tensor (but for its
  // end). Thread-safe; Error(kBadInput) or Error(kIo).
  virtual void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const = 0;
  // The same, and if the tensor is stored as small integers times a scale, one scale per 32
  // elements (of which `count` and the last dimension are then multiples), NaN where a group has
  // none, so that a scheme of 4 bits can take the integers over without loss
  // (quantize/lattice.h, which also proves it; the sign that fits levels -7 to 8). False: only
  // `out` was filled. kF32 as the tensor's dtype makes the proof quickest.
  virtual bool read_lattice(std::int64_t first, std::int64_t count, std::span<std::byte> out,
                            std::span<float> scales) const;
  // Memory that read() needs besides `out`, for `count` elements.
  virtual std::uint64_t scratch_bytes(std::int64_t count) const = 0;
};
inline constexpr std::int64_t kElementAlignment = 4096;

struct SourceTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;  // row-major, contiguous
  std::size_t file = 0;             // index into Checkpoint::files
  std::uint64_t offset = 0;         // of the first byte, in that file
  std::uint64_t nbytes = 0;  // stored; plain tensors: the product of shape times the element size
  std::shared_ptr<const ElementReader> reader = nullptr;  // null: plain numbers at `offset`
  std::optional<DType> stored_dtype = std::nullopt;  // in the file, if the reader gives another
  std::int64_t elements() const;
};

struct SourceFile {
  std::string name;  // relative to the checkpoint folder, as the index writes it
  std::shared_ptr<InputFile> file;
  // Of all tensors in the file, also of those that the index does not mention: mlc_llm counts what
  // it loads, and it loads whole files.
  std::uint64_t elements = 0;
};

struct Checkpoint {
  std::string folder;
  std::vector<SourceFile> files;  // in order of first appearance
  // Names are unique. In mlc_llm's loading order: by file, within a file in the index's weight_map
  // order, or without index by data offset (docs/formats.md, "Order").
  std::vector<SourceTensor> tensors;
  std::vector<std::string> warnings;  // total_size wrong, header unusually large, ...
  std::vector<std::string> notes;     // for the summary: what was decoded, merged or dropped
  bool was_quantized = false;  // some weights were: the summary tells what quantizing again costs
  const SourceTensor* find(std::string_view name) const;  // nullptr if absent
  void build_lookup();                                    // readers call it last

 private:
  std::vector<std::size_t> by_name_;  // indices into tensors, sorted by name
};

// Opens what `source` names, in this order of preference:
//   a folder with model.safetensors.index.json (or one other *.safetensors.index.json),
//   a folder with model.safetensors, which is then read alone,
//   a folder with several *.safetensors, in the order of their names,
//   a folder with pytorch_model.bin.index.json (or one other *.bin.index.json),
//   a folder with pytorch_model.bin, or with several pytorch_model*.bin in the order of names,
//   a folder with one GGUF model, in one file or several parts,
//   a folder with *.npz, in the order of their names,
//   one *.npz, *.safetensors, *.bin, *.pt, *.pth or *.ckpt file, one index file, or one *.gguf file
//   (a part of a split model stands for all its parts).
// Nothing is ever written beside the source. `format` is a row of source_formats(): "auto", or one
// whose files alone are looked for in a folder; kUsage for an unknown one. Errors besides the
// readers' (convert/safetensors.h, convert/torch_checkpoint.h): kUsage when `source` does not
// exist, kBadInput when it holds no weights, kUnsupported when it holds weights of another format.
Checkpoint open_checkpoint(const std::string& source, std::string_view format);

// Values of --source-format; mlc_llm's names, and gguf.
struct SourceFormat {
  std::string_view name;
  std::string_view files;     // which are looked for
  std::string_view explains;  // what they hold
};
std::span<const SourceFormat> source_formats();

}  // namespace mlc
