// The config of a kernel bundle, read and checked by itself: no module is looked at here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "package/digest.h"
#include "package/kernels/requirement.h"
#include "package/kernels/spirv_scan.h"

namespace mlc {

// A kernel as the runtime calls it: the same for all variants and APIs.
struct KernelAbi {
  std::string name;
  std::vector<bool> args;  // buffers in order; true: written
  std::uint32_t push = 0;  // bytes of push constants
  std::uint32_t spec = 0;  // specialization constants 0, 1, ... below this number
};

struct KernelFile {
  std::string module;                // "matmul_rows_subgroup", "matmul_rows.cl"
  std::vector<std::string> entries;  // kernels that it is; none: text that others include
  Digest digest;
  std::uint64_t size = 0;
  SpecValues spec;  // values with which its needs are the largest that a device must meet
};

struct KernelVariant {
  std::string id;
  std::string api;  // "vulkan", "opencl"
  std::int64_t priority = 0;
  std::vector<Requirement> needs;
  std::vector<Json> deny;
  std::vector<KernelFile> files;

  // Every device of the API meets it: nothing but the lowest version and what the ABI itself needs.
  bool is_baseline() const;
  const KernelFile* find(std::string_view module) const;
};

struct KernelBundle {
  std::string where;  // for messages
  std::string name, version;
  std::uint32_t abi_major = 0;
  std::vector<KernelAbi> abi;
  std::vector<KernelVariant> variants;
  Json covers, provenance;  // as they stand; null where absent

  const KernelAbi* find(std::string_view kernel) const;
};

inline constexpr std::uint32_t kAbiMajor = 1;  // of runtime-min/kernels/kernels.h

// The ABI of this program's kernels.
std::vector<KernelAbi> own_abi();

}  // namespace mlc
