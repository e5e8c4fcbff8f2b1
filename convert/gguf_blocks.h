// The tensor types of GGUF: how many elements a block has, how many bytes, and what they say.
//
// Source of ids, sizes and layouts: ggml's ggml.h and ggml-common.h, held against files by the real
// llama.cpp and the values that its own code computes (tests/unit/gguf_test.cc). Every decoder
// computes in float32 in the order of ggml's reference, (d * sc) * q - (dmin * m), so that
// the bits are the same.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/dtype.h"

namespace mlc {

// `blocks` blocks at `in` become blocks * row.elements float32 at `out`.
using GgufDecoder = void (*)(const std::byte* in, std::size_t blocks, float* out);
// The scale of a block as a lattice of codes 0..15 that stand for -7..8 (quantize/lattice.h).
using GgufLattice = float (*)(const std::byte* block);

struct GgufType {
  std::uint32_t id;
  std::string_view name;
  std::uint32_t elements;                     // per block; rows are whole blocks
  std::uint32_t bytes;                        // per block
  std::optional<DType> plain = std::nullopt;  // stored as plain numbers
  GgufDecoder decode = nullptr;               // neither: known by name only
  GgufLattice lattice = nullptr;              // only for types that lie on one
};

std::span<const GgufType> gguf_types();
const GgufType* find_gguf_type(std::uint32_t id);  // nullptr if unknown

}  // namespace mlc
