// Holds a dispatch against the contract before it is recorded: a wrong word or a slice that is too
// small is an error with a name, instead of a read behind the end.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "runtime-min/kernels/kernels.h"

namespace mlc {

// The least bytes of each buffer of a dispatch with these words; 0: not used. What the contents of
// buffers decide (which slot) counts as one.
using Extents = std::array<std::uint64_t, kMaxBuffers>;
Extents extents_of(Kernel kernel, std::span<const std::uint32_t, kMaxWords> words);

// Error(kBug) that names the kernel and `label`. bytes[i]: of the slice bound to buffer i, 0: none.
void check_dispatch(Kernel kernel, std::span<const std::uint32_t, kMaxWords> words,
                    const Extents& bytes, const char* label);

}  // namespace mlc
