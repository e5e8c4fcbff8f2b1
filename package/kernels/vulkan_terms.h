// What Vulkan's words mean: which device offers a capability of SPIR-V, which Vulkan extension
// stands behind one of SPIR-V, which version holds what, and what every device guarantees.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "package/kernels/spirv_scan.h"

namespace mlc {

// "Float16" for 9. A number that the table lacks: empty.
std::string_view capability_name(std::uint32_t number);
// Capabilities that every device with Vulkan has need not be declared.
bool is_always_there(std::uint32_t capability);

// Empty if the device offers it; else what it lacks.
std::string capability_problem(std::string_view name, const Json& device);
std::string feature_problem(std::string_view structure, std::string_view feature,
                            const Json& device);

// The extension of Vulkan that lets a module use an extension of SPIR-V; null: not known.
struct SpirvExtension {
  std::string_view spirv, vulkan;
  std::string_view core_since;  // the version of Vulkan that has it; empty: none
};
const SpirvExtension* find_spirv_extension(std::string_view name);
// Whether this version of Vulkan has the extension within itself.
bool is_core(std::string_view vulkan_extension, const Json* api_version);

// The newest SPIR-V of a device, "1.3" with Vulkan 1.1; null where its version is not known.
Json spirv_of(const Json& device);

// What the specification guarantees of every device (Vulkan 1.1, "Required Limits").
struct GuaranteedLimit {
  std::string_view name;
  std::uint64_t value;
};
std::span<const GuaranteedLimit> guaranteed_limits();

}  // namespace mlc
