// A kernel of the CPU device: work that falls into items which don't depend on each other, so that
// threads may take them in any order and the result is the same bits for any number of threads.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/half.h"
#include "runtime-min/kernels/kernels.h"

namespace mlc {

// The bound slices and the words of one dispatch. A slice that is not used is null.
struct Arguments {
  std::array<std::byte*, kMaxBuffers> data = {};
  std::array<std::uint32_t, kMaxWords> words = {};
  // Different for every dispatch of every run: what a thread has prepared for one of its chunks is
  // good for the others (scratch.h).
  std::uint64_t serial = 0;

  float* f32(std::size_t buffer) const { return std::bit_cast<float*>(data[buffer]); }
  std::uint32_t* u32(std::size_t buffer) const {
    return std::bit_cast<std::uint32_t*>(data[buffer]);
  }
  std::uint16_t* u16(std::size_t buffer) const {
    return std::bit_cast<std::uint16_t*>(data[buffer]);
  }
  // A buffer of rows' states (kernels.h, RowState).
  const RowState* rows(std::size_t buffer) const {
    return std::bit_cast<const RowState*>(data[buffer]);
  }
  // Words are widened, so that products of them can't wrap.
  std::size_t size(std::size_t word) const { return words[word]; }
  bool flag(std::size_t word) const { return words[word] != 0; }
  float real(std::size_t word) const { return bits_f32(words[word]); }
};

struct CpuKernel {
  // How many items the dispatch has.
  std::size_t (*items)(const Arguments&) = nullptr;
  // Computes the items [begin, end).
  void (*run)(const Arguments&, std::size_t begin, std::size_t end) = nullptr;
  // Rough cost of an item in nanoseconds: items are handed out in chunks worth a few microseconds.
  std::size_t (*cost)(const Arguments&) = nullptr;
  // Chunks begin at multiples of this.
  std::size_t granule = 1;
  // How many items have something to do, about; null: all.
  std::size_t (*busy)(const Arguments&) = nullptr;
};

// The plain versions, one for each Kernel: what the contract means.
const CpuKernel& reference_kernel(Kernel kernel);

}  // namespace mlc
