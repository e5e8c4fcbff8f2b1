// What a dispatch writes, as numbers: for a look at a forward pass step by step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime-min/device.h"

namespace mlc {

enum class ElementKind : std::uint8_t { kFloat, kHalf, kIndex };

struct WrittenSlice {
  Slice slice = {};
  ElementKind kind = ElementKind::kFloat;
};

// In the kernel's order. A slice ends where the dispatch ceases to write, for what lies behind is
// another step's; caches and states, where that depends on the slots, are whole.
std::vector<WrittenSlice> written_by(const Dispatch& dispatch);

std::vector<float> read_written(Device& device, const WrittenSlice& written);
// As many values as read_written() gave.
void write_written(Device& device, const WrittenSlice& written, std::span<const float> values);

}  // namespace mlc
