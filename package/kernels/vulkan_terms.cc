#include "package/kernels/vulkan_terms.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "package/kernels/requirement.h"

namespace mlc {
namespace {

constexpr std::string_view k10 = "VkPhysicalDeviceFeatures";
constexpr std::string_view k11 = "VkPhysicalDeviceVulkan11Features";
constexpr std::string_view k12 = "VkPhysicalDeviceVulkan12Features";
constexpr std::string_view k13 = "VkPhysicalDeviceVulkan13Features";
constexpr std::string_view kSubgroup = "subgroup";

// Vulkan's appendix "Vulkan Environment for SPIR-V": what a device has to offer for a capability.
struct Capability {
  std::uint32_t number;
  std::string_view name;
  std::string_view structure;  // empty: every device; kSubgroup: `offers` is an operation
  std::string_view offers;
};
constexpr auto kCapabilities = std::to_array<Capability>({
    {0, "Matrix", "", ""},
    {1, "Shader", "", ""},
    {9, "Float16", k12, "shaderFloat16"},
    {10, "Float64", k10, "shaderFloat64"},
    {11, "Int64", k10, "shaderInt64"},
    {12, "Int64Atomics", k12, "shaderBufferInt64Atomics"},
    {22, "Int16", k10, "shaderInt16"},
    {39, "Int8", k12, "shaderInt8"},
    {61, "GroupNonUniform", kSubgroup, "BASIC"},
    {62, "GroupNonUniformVote", kSubgroup, "VOTE"},
    {63, "GroupNonUniformArithmetic", kSubgroup, "ARITHMETIC"},
    {64, "GroupNonUniformBallot", kSubgroup, "BALLOT"},
    {65, "GroupNonUniformShuffle", kSubgroup, "SHUFFLE"},
    {66, "GroupNonUniformShuffleRelative", kSubgroup, "SHUFFLE_RELATIVE"},
    {67, "GroupNonUniformClustered", kSubgroup, "CLUSTERED"},
    {68, "GroupNonUniformQuad", kSubgroup, "QUAD"},
    {4433, "StorageBuffer16BitAccess", k11, "storageBuffer16BitAccess"},
    {4434, "UniformAndStorageBuffer16BitAccess", k11, "uniformAndStorageBuffer16BitAccess"},
    {4435, "StoragePushConstant16", k11, "storagePushConstant16"},
    {4441, "VariablePointersStorageBuffer", k11, "variablePointersStorageBuffer"},
    {4442, "VariablePointers", k11, "variablePointers"},
    {4448, "StorageBuffer8BitAccess", k12, "storageBuffer8BitAccess"},
    {4449, "UniformAndStorageBuffer8BitAccess", k12, "uniformAndStorageBuffer8BitAccess"},
    {4450, "StoragePushConstant8", k12, "storagePushConstant8"},
    {5345, "VulkanMemoryModel", k12, "vulkanMemoryModel"},
    {5346, "VulkanMemoryModelDeviceScope", k12, "vulkanMemoryModelDeviceScope"},
    {5347, "PhysicalStorageBufferAddresses", k12, "bufferDeviceAddress"},
    {6016, "DotProductInputAll", k13, "shaderIntegerDotProduct"},
    {6017, "DotProductInput4x8Bit", k13, "shaderIntegerDotProduct"},
    {6018, "DotProductInput4x8BitPacked", k13, "shaderIntegerDotProduct"},
    {6019, "DotProduct", k13, "shaderIntegerDotProduct"},
    {6022, "CooperativeMatrixKHR", "VkPhysicalDeviceCooperativeMatrixFeaturesKHR",
     "cooperativeMatrix"},
    {6033, "AtomicFloat32AddEXT", "VkPhysicalDeviceShaderAtomicFloatFeaturesEXT",
     "shaderBufferFloat32AtomicAdd"},
});

constexpr auto kExtensions = std::to_array<SpirvExtension>({
    {"SPV_EXT_shader_atomic_float_add", "VK_EXT_shader_atomic_float", ""},
    {"SPV_KHR_16bit_storage", "VK_KHR_16bit_storage", "1.1"},
    {"SPV_KHR_8bit_storage", "VK_KHR_8bit_storage", "1.2"},
    {"SPV_KHR_cooperative_matrix", "VK_KHR_cooperative_matrix", ""},
    {"SPV_KHR_float_controls", "VK_KHR_shader_float_controls", "1.2"},
    {"SPV_KHR_integer_dot_product", "VK_KHR_shader_integer_dot_product", "1.3"},
    {"SPV_KHR_no_integer_wrap_decoration", "VK_KHR_shader_float_controls", "1.2"},
    {"SPV_KHR_non_semantic_info", "VK_KHR_shader_non_semantic_info", "1.3"},
    {"SPV_KHR_physical_storage_buffer", "VK_KHR_buffer_device_address", "1.2"},
    {"SPV_KHR_shader_ballot", "VK_EXT_shader_subgroup_ballot", ""},
    {"SPV_KHR_storage_buffer_storage_class", "VK_KHR_storage_buffer_storage_class", "1.1"},
    {"SPV_KHR_variable_pointers", "VK_KHR_variable_pointers", "1.1"},
    {"SPV_KHR_vulkan_memory_model", "VK_KHR_vulkan_memory_model", "1.2"},
});

constexpr auto kGuaranteed = std::to_array<GuaranteedLimit>({
    {"maxBoundDescriptorSets", 4},
    {"maxComputeSharedMemorySize", 16384},
    {"maxComputeWorkGroupInvocations", 128},
    {"maxPerStageDescriptorStorageBuffers", 4},
    {"maxPerStageDescriptorUniformBuffers", 12},
    {"maxPushConstantsSize", 128},
    {"maxStorageBufferRange", std::uint64_t{1} << 27},
    {"maxUniformBufferRange", 16384},
});

const Capability* find_capability(std::string_view name) {
  const auto found = std::find_if(kCapabilities.begin(), kCapabilities.end(),
                                  [&](const Capability& c) { return c.name == name; });
  return found == kCapabilities.end() ? nullptr : &*found;
}

}  // namespace

std::string_view capability_name(std::uint32_t number) {
  for (const Capability& c : kCapabilities)
    if (c.number == number) return c.name;
  return {};
}

bool is_always_there(std::uint32_t capability) {
  for (const Capability& c : kCapabilities)
    if (c.number == capability) return c.structure.empty();
  return false;
}

std::string feature_problem(std::string_view structure, std::string_view feature,
                            const Json& device) {
  const Json* features = device.find("features");
  const Json* of = features == nullptr ? nullptr : features->find(structure);
  const Json* found = of == nullptr ? nullptr : of->find(feature);
  if (found == nullptr || !found->is_bool()) return "the device does not say";
  return found->as_bool("feature") ? "" : "the device lacks it";
}

std::string capability_problem(std::string_view name, const Json& device) {
  const Capability* capability = find_capability(name);
  if (capability == nullptr) return "this program does not know what that means";
  if (capability->structure.empty()) return "";
  if (capability->structure != kSubgroup)
    return feature_problem(capability->structure, capability->offers, device);
  Requirement operation{.kind = Requirement::Kind::kSubgroupOp,
                        .name = std::string(capability->offers)};
  return why_not(operation, device);
}

const SpirvExtension* find_spirv_extension(std::string_view name) {
  const auto found = std::find_if(kExtensions.begin(), kExtensions.end(),
                                  [&](const SpirvExtension& e) { return e.spirv == name; });
  return found == kExtensions.end() ? nullptr : &*found;
}

bool is_core(std::string_view vulkan_extension, const Json* api_version) {
  if (api_version == nullptr || !api_version->is_string()) return false;
  const DottedVersion version = parse_dotted(api_version->as_string("apiVersion"));
  for (const SpirvExtension& e : kExtensions)
    if (e.vulkan == vulkan_extension && !e.core_since.empty())
      return version.valid && compare(version, parse_dotted(e.core_since)) >= 0;
  return false;
}

Json spirv_of(const Json& device) {
  const Json* api = device.find("apiVersion");
  if (api == nullptr || !api->is_string()) return {};
  const DottedVersion version = parse_dotted(api->as_string("apiVersion"));
  if (!version.valid) return {};
  struct Row {
    std::string_view vulkan, spirv;
  };
  constexpr std::array kRows = {Row{"1.3", "1.6"}, Row{"1.2", "1.5"}, Row{"1.1", "1.3"},
                                Row{"1.0", "1.0"}};
  for (const Row& row : kRows) {
    if (compare(version, parse_dotted(row.vulkan)) < 0) continue;
    const Json* extensions = device.find("extensions");
    if (row.spirv == "1.3" && extensions != nullptr && extensions->is_array())
      for (const Json& e : extensions->items("extensions"))
        if (e.is_string() && e.as_string("extensions") == "VK_KHR_spirv_1_4") return Json("1.4");
    return Json(row.spirv);
  }
  return {};
}

std::span<const GuaranteedLimit> guaranteed_limits() { return kGuaranteed; }

}  // namespace mlc
