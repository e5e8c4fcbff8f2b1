// Reader of the header of one GGUF file: "GGUF", version, counts, key-value pairs, tensor infos,
// padding, data. Little-endian, versions 2 and 3.
//
// Rules (the format's text and ggml's own reader, stricter where noted), all checked before any
// weight is read, in 64-bit arithmetic that can't wrap; breaking one is Error(kBadInput) naming the
// file, the place, what was found and expected:
//   counts and lengths fit into what is left of the file; nothing is allocated by a count alone;
//   keys are not empty, at most 65535 bytes, each once; arrays are not nested; booleans are 0 or 1
//     (stricter); general.alignment is a uint32, a power of two from 8 to 65536 (stricter);
//   tensor names are 1 to 63 bytes without NUL, each once; 1 to 4 dimensions, each 1 to 2^63-1,
//     whose product and bytes fit 63 bits; rows are whole blocks;
//   offsets are multiples of the alignment, and tensors follow each other in the order of the infos
//     without overlap, with padding up to the alignment only, inside the file.
// A type that was removed from the format is kBadInput, too; one that can't be decoded here is a
// row of gguf_types() without a decoder, and for the user of the header to refuse.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/file.h"
#include "convert/gguf_blocks.h"

namespace mlc {

struct GgufArray {
  std::string_view type;  // of the elements: "string"
  std::uint64_t count = 0;
};
// Elements of arrays are not kept: they are the tokenizer.
using GgufValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray>;

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // row-major: the file's dimensions in reverse
  const GgufType* type = nullptr;
  std::uint64_t offset = 0;  // of the first byte, in the file
  std::uint64_t nbytes = 0;
  std::int64_t elements() const;
};

struct GgufHeader {
  std::uint32_t version = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors;  // in file order
  std::uint64_t trailing = 0;       // bytes after the last tensor and its padding

  // Values of a kind, of any integer type; null or empty if the key is absent or another kind.
  const std::string* text(std::string_view key) const;
  std::optional<std::uint64_t> integer(std::string_view key) const;  // if not negative
};

// Fills `out` from an offset; the range lies inside the file.
using GgufReadAt = std::function<void(std::uint64_t offset, std::span<std::byte> out)>;

// `where` names the file in messages. Error(kBadInput), and what `read` throws.
GgufHeader parse_gguf(const GgufReadAt& read, std::uint64_t file_size, const std::string& where);
GgufHeader read_gguf(const InputFile& file);

}  // namespace mlc
