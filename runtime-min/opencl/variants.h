// Which version of a kernel a dispatch gets: a table, first fit wins.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime-min/device.h"

namespace mlc {

// What a row of the table asks of the device.
enum class OpenClClass : std::uint8_t {
  kAny,
  kCpu,  // work-items are lanes of wide registers: no barriers, much work each
  kGpu,  // groups of many work-items, local memory
};

// How many groups a dispatch needs, in two dimensions; a zero: nothing to do.
struct Groups {
  std::size_t x = 0, y = 0;
};

using Words = std::array<std::uint32_t, kMaxWords>;

struct OpenClVariant {
  Kernel kernel;
  std::string_view name;  // "matmul_wide4x1"
  std::string_view file;  // of the source: "matmul_wide" for matmul_wide.cl
  OpenClClass device_class;
  bool (*applies)(const Words& words);
  // How many of the first words are compiled in, as W0, W1, ...: those that say which code, not how
  // much. Fewer than kernels.h allows, so that a model's matrices share their programs.
  std::size_t constants;
  // Become -D LOCAL, VEC, ROWS, COLS.
  std::uint32_t local;  // work-items of a group, all in the first dimension
  std::uint32_t vec;
  std::uint32_t rows, cols;  // of the result, for each work-item or group of a matmul
  Groups (*groups)(const OpenClVariant& variant, const Words& words);
  // A first kernel of the same source, `pack`, that brings x into another order in a scratch buffer
  // of so many bytes; null: none.
  std::uint64_t (*packed_bytes)(const Words& words);
  Groups (*pack_groups)(const Words& words);
};

std::span<const OpenClVariant> opencl_variants();

// Error(kBug) if the table has none.
const OpenClVariant& choose_opencl_variant(OpenClClass device_class, const Dispatch& dispatch);

}  // namespace mlc
