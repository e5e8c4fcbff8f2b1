// Sums that all views of `mlc inspect` begin with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "convert/inspect.h"

namespace mlc {

struct DTypeTotals {
  std::string dtype;
  std::size_t tensors = 0;
  std::uint64_t elements = 0, nbytes = 0;

  // Torch tensors may share their bytes, so that sums can exceed every file.
  void add(const InspectedTensor& t) {
    tensors++;
    if (__builtin_add_overflow(elements, t.elements, &elements) ||
        __builtin_add_overflow(nbytes, t.nbytes, &nbytes))
      bad_input("{}: the tensors up to this one have more than 2^64 bytes", printable(t.name));
  }
};

// In the order of first appearance.
std::vector<DTypeTotals> totals_by_dtype(const Inspected& inspected);

// The lines before every view.
std::string inspect_summary(const Inspected& inspected);

}  // namespace mlc
