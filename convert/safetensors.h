// Reader of one safetensors file: 8 bytes of header length N (little-endian), N bytes of JSON,
// data.
//
// Rules (safetensors 0.6, tensor.rs, and stricter where noted), all checked before any weight is
// read; breaking one is Error(kBadInput) naming the file, the tensor, what was found and expected:
//   N <= 100,000,000, and 8 + N <= size of the file, checked before the header is read;
//   the header is strict JSON (base/json.h: unique keys, no NUL, no byte order mark, depth <= 8),
//     with white space around it allowed;
//   "__metadata__" holds strings only; every other key is a tensor: exactly dtype, shape and
//     data_offsets, each once;
//   names have at most 64 KiB; shapes at most 8 dimensions, each a plain integer of at most 2^63-1,
//     whose product without the zeros fits 64 bits (stricter: the reference lets [0, 2^40, 2^40]
//     be);
//   end - begin equals the elements times the size of the dtype, zero-sized or not;
//   sorted by offset, tensors tile the data without hole or overlap, from its first byte to the end
//     of the file.
// Element types below one byte and complex numbers are Error(kUnsupported).
// A git-lfs pointer, a web page or another format in place of the file is named as such.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "convert/source.h"

namespace mlc {

// The steps, for tests and fuzzing; `where` names the file in messages.
// `head` holds the first bytes of the file, at least min(file_size, 8); more make better messages.
std::uint64_t safetensors_header_length(std::string_view head, std::uint64_t file_size,
                                        const std::string& where);
// `header` is the JSON text. Tensors come in the order of (begin, end), ties in header order; their
// offsets count from the start of the file, and SourceTensor::file is 0.
std::vector<SourceTensor> parse_safetensors_header(std::string_view header, std::uint64_t file_size,
                                                   const std::string& where);

inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;  // MAX_HEADER_SIZE in tensor.rs
inline constexpr JsonLimits kSafetensorsLimits = {
    .max_bytes = kMaxSafetensorsHeader,
    .max_depth = 8,
    .max_string = kMaxSafetensorsHeader,  // metadata may hold a picture; names have their own limit
    .max_values = kMaxSafetensorsHeader,  // each takes a byte at least, and none is kept as such
};
// The JSON text.
std::string read_safetensors_header(const InputFile& file);

// "__metadata__" of a file that read_safetensors takes, in its order.
std::vector<std::pair<std::string, std::string>> safetensors_metadata(const InputFile& file);

// Both steps. A header above 25,000,000 bytes (the hub's own limit) adds a warning.
std::vector<SourceTensor> read_safetensors(const InputFile& file,
                                           std::vector<std::string>& warnings);

}  // namespace mlc
