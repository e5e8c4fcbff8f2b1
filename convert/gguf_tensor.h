// A tensor of a GGUF file read as Hugging Face has it: decoded, and with the converter undone.
#pragma once

#include <functional>
#include <memory>

#include "base/file.h"
#include "convert/gguf_blocks.h"
#include "convert/source.h"

namespace mlc {

// Which stored row is the row of the checkpoint.
using GgufRowMap = std::function<std::int64_t(std::int64_t)>;
// LlamaModel.permute undone: `heads` heads of `rows / heads` rows each.
GgufRowMap unpaired_rows(std::int64_t rows, std::int64_t heads);
// [heads, 3, head_dim] was stored as [3, heads, head_dim].
GgufRowMap neox_rows(std::int64_t rows, std::int64_t heads);

struct GgufView {
  std::shared_ptr<InputFile> file;
  std::uint64_t offset = 0;
  const GgufType* type = nullptr;  // with a decoder, or plain
  std::int64_t rows = 0;           // as stored; a 1-D tensor is n rows of one element
  std::int64_t cols = 0;
  GgufRowMap row_map = nullptr;  // null: as stored
  bool minus_one = false;        // only for float types
  bool turned = false;
};

// What the reader of the view gives.
DType decoded_dtype(const GgufView& view);
std::shared_ptr<const ElementReader> make_gguf_reader(GgufView view);

}  // namespace mlc
