// Which versions of a kernel there are: rows of a table, in order of preference. A version is a
// shader, what it requires of the device, when it applies to a dispatch, and how it is launched.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime-min/device.h"

namespace mlc {

// What the table asks about the device.
struct DeviceTraits {
  bool is_cpu = false;
  bool subgroup_arithmetic = false;
  std::uint32_t subgroup_size = 1;
  std::uint32_t max_lanes = 128;  // of a work-group
  std::uint32_t max_shared_bytes = 16384;
  std::uint32_t max_uniform_bytes = 16384;
  std::uint32_t max_groups = 65535;  // in each direction
};

// How a dispatch is launched: constants 16 (lanes of a work-group), 17, ... and the work-groups.
struct Launch {
  std::array<std::uint32_t, 5> constants = {};
  std::uint64_t groups = 0;  // folded into x and y
  std::uint32_t planes = 1;  // z
};

enum class Wants : std::uint8_t {
  kAny,
  kCpu,  // chosen by itself only on devices that are CPUs
  kGpu,  // on the others
};

struct Variant {
  Kernel kernel;
  std::string_view name;
  std::string_view shader;
  Wants wants;
  bool subgroups;           // needs subgroup arithmetic
  std::uint32_t uniforms;   // bit i: buffer i is bound as a uniform buffer
  std::uint32_t constants;  // how many of Launch::constants the shader has
  // Null: always. Called only for devices that fulfil the above.
  bool (*applies)(const DeviceTraits& traits, const Dispatch& dispatch);
  Launch (*launch)(const DeviceTraits& traits, const Dispatch& dispatch);
};

// All rows, in order of preference.
std::span<const Variant> vulkan_variant_rows();

// The variants that can run a dispatch, the one to choose first; of `modules` (null: the program's
// own) only those whose shader is there. May be empty only then.
std::vector<const Variant*> variants_for(const DeviceTraits& traits, const Dispatch& dispatch,
                                         const KernelModules* modules = nullptr);

}  // namespace mlc
