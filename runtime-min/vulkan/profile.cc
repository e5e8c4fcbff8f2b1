// What a device offers to kernels, in the names of Vulkan's profiles.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "runtime-min/vulkan/instance.h"

namespace mlc {
namespace {

// NVIDIA packs its versions in its own way; the others as Vulkan does.
std::string driver_version(const VkPhysicalDeviceProperties& properties) {
  constexpr std::uint32_t kNvidia = 0x10DE;
  const std::uint32_t v = properties.driverVersion;
  if (properties.vendorID == kNvidia)
    return fmt::format("{}.{}.{}.{}", v >> 22, v >> 14 & 0xFF, v >> 6 & 0xFF, v & 0x3F);
  return fmt::format("{}.{}.{}", VK_API_VERSION_MAJOR(v), VK_API_VERSION_MINOR(v),
                     VK_API_VERSION_PATCH(v));
}

Json limits_of(const PhysicalDevice& device) {
  const VkPhysicalDeviceLimits& l = device.properties.limits;
  const auto three = [](const std::uint32_t(&values)[3]) {
    Json list = Json::array();
    for (std::uint32_t value : values)
      list.push(std::uint64_t{value});
    return list;
  };
  const auto number = [](std::uint64_t value) { return Json(value); };
  return Json::object()
      .set("maxBoundDescriptorSets", number(l.maxBoundDescriptorSets))
      .set("maxComputeSharedMemorySize", number(l.maxComputeSharedMemorySize))
      .set("maxComputeWorkGroupCount", three(l.maxComputeWorkGroupCount))
      .set("maxComputeWorkGroupInvocations", number(l.maxComputeWorkGroupInvocations))
      .set("maxComputeWorkGroupSize", three(l.maxComputeWorkGroupSize))
      .set("maxMemoryAllocationSize", number(device.max_buffer_bytes))
      .set("maxPerStageDescriptorStorageBuffers", number(l.maxPerStageDescriptorStorageBuffers))
      .set("maxPerStageDescriptorUniformBuffers", number(l.maxPerStageDescriptorUniformBuffers))
      .set("maxPushConstantsSize", number(l.maxPushConstantsSize))
      .set("maxStorageBufferRange", number(l.maxStorageBufferRange))
      .set("maxUniformBufferRange", number(l.maxUniformBufferRange))
      .set("minStorageBufferOffsetAlignment", number(l.minStorageBufferOffsetAlignment))
      .set("minUniformBufferOffsetAlignment", number(l.minUniformBufferOffsetAlignment));
}

// Features that kernels ask for, each under the structure of the version that took it in, so that
// one name is enough for all devices.
class Features {
 public:
  Features(const InstanceFunctions& functions, const PhysicalDevice& device,
           const std::vector<std::string>& extensions)
      : api_(device.properties.apiVersion), extensions_(extensions) {
    const auto type = [](auto& structure, VkStructureType value) { structure.sType = value; };
    type(half_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES);
    type(pointers_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VARIABLE_POINTERS_FEATURES);
    type(byte_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES);
    type(small_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES);
    type(atomic_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_INT64_FEATURES);
    type(model_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES);
    type(address_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES);
    type(control_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES);
    type(dot_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES);
    type(float_atomic_, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_FEATURES_EXT);
    VkPhysicalDeviceFeatures2 all = {};
    all.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    // Structures that the device doesn't know must not be in the chain: what is left out is false.
    const auto chain = [&](auto& structure, std::uint32_t core, const char* extension) {
      if (!has(core, extension)) return;
      structure.pNext = all.pNext;
      all.pNext = &structure;
    };
    chain(half_, VK_API_VERSION_1_1, VK_KHR_16BIT_STORAGE_EXTENSION_NAME);
    chain(pointers_, VK_API_VERSION_1_1, VK_KHR_VARIABLE_POINTERS_EXTENSION_NAME);
    chain(byte_, VK_API_VERSION_1_2, VK_KHR_8BIT_STORAGE_EXTENSION_NAME);
    chain(small_, VK_API_VERSION_1_2, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME);
    chain(atomic_, VK_API_VERSION_1_2, VK_KHR_SHADER_ATOMIC_INT64_EXTENSION_NAME);
    chain(model_, VK_API_VERSION_1_2, VK_KHR_VULKAN_MEMORY_MODEL_EXTENSION_NAME);
    chain(address_, VK_API_VERSION_1_2, VK_KHR_BUFFER_DEVICE_ADDRESS_EXTENSION_NAME);
    chain(control_, VK_API_VERSION_1_3, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
    chain(dot_, VK_API_VERSION_1_3, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME);
    chain(float_atomic_, UINT32_MAX, VK_EXT_SHADER_ATOMIC_FLOAT_EXTENSION_NAME);
    functions.vkGetPhysicalDeviceFeatures2(device.handle, &all);
    core_ = all.features;
  }

  bool control() const {
    return is(control_.subgroupSizeControl) && is(control_.computeFullSubgroups);
  }

  Json json() const {
    const auto list = [](std::initializer_list<std::pair<const char*, VkBool32>> members) {
      Json object = Json::object();
      for (const auto& [name, value] : members)
        object.set(name, is(value));
      return object;
    };
    return Json::object()
        .set("VkPhysicalDeviceFeatures", list({{"shaderFloat64", core_.shaderFloat64},
                                               {"shaderInt16", core_.shaderInt16},
                                               {"shaderInt64", core_.shaderInt64}}))
        .set("VkPhysicalDeviceShaderAtomicFloatFeaturesEXT",
             list({{"shaderBufferFloat32AtomicAdd", float_atomic_.shaderBufferFloat32AtomicAdd}}))
        .set("VkPhysicalDeviceVulkan11Features",
             list({{"storageBuffer16BitAccess", half_.storageBuffer16BitAccess},
                   {"storagePushConstant16", half_.storagePushConstant16},
                   {"uniformAndStorageBuffer16BitAccess", half_.uniformAndStorageBuffer16BitAccess},
                   {"variablePointers", pointers_.variablePointers},
                   {"variablePointersStorageBuffer", pointers_.variablePointersStorageBuffer}}))
        .set("VkPhysicalDeviceVulkan12Features",
             list({{"bufferDeviceAddress", address_.bufferDeviceAddress},
                   {"shaderBufferInt64Atomics", atomic_.shaderBufferInt64Atomics},
                   {"shaderFloat16", small_.shaderFloat16},
                   {"shaderInt8", small_.shaderInt8},
                   {"storageBuffer8BitAccess", byte_.storageBuffer8BitAccess},
                   {"storagePushConstant8", byte_.storagePushConstant8},
                   {"uniformAndStorageBuffer8BitAccess", byte_.uniformAndStorageBuffer8BitAccess},
                   {"vulkanMemoryModel", model_.vulkanMemoryModel},
                   {"vulkanMemoryModelDeviceScope", model_.vulkanMemoryModelDeviceScope}}))
        .set("VkPhysicalDeviceVulkan13Features",
             list({{"computeFullSubgroups", control_.computeFullSubgroups},
                   {"shaderIntegerDotProduct", dot_.shaderIntegerDotProduct},
                   {"subgroupSizeControl", control_.subgroupSizeControl}}));
  }

 private:
  static bool is(VkBool32 value) { return value == VK_TRUE; }
  bool has(std::uint32_t core, const char* extension) const {
    return api_ >= core ||
           std::find(extensions_.begin(), extensions_.end(), extension) != extensions_.end();
  }

  std::uint32_t api_;
  const std::vector<std::string>& extensions_;
  VkPhysicalDeviceFeatures core_ = {};
  VkPhysicalDevice16BitStorageFeatures half_ = {};
  VkPhysicalDeviceVariablePointersFeatures pointers_ = {};
  VkPhysicalDevice8BitStorageFeatures byte_ = {};
  VkPhysicalDeviceShaderFloat16Int8Features small_ = {};
  VkPhysicalDeviceShaderAtomicInt64Features atomic_ = {};
  VkPhysicalDeviceVulkanMemoryModelFeatures model_ = {};
  VkPhysicalDeviceBufferDeviceAddressFeatures address_ = {};
  VkPhysicalDeviceSubgroupSizeControlFeatures control_ = {};
  VkPhysicalDeviceShaderIntegerDotProductFeatures dot_ = {};
  VkPhysicalDeviceShaderAtomicFloatFeaturesEXT float_atomic_ = {};
};

Json subgroup_of(const InstanceFunctions& functions, const PhysicalDevice& device,
                 const VkPhysicalDeviceSubgroupProperties& subgroup, bool control) {
  struct Operation {
    VkSubgroupFeatureFlags bit;
    const char* name;
  };
  constexpr std::array kOperations = {
      Operation{VK_SUBGROUP_FEATURE_BASIC_BIT, "BASIC"},
      Operation{VK_SUBGROUP_FEATURE_VOTE_BIT, "VOTE"},
      Operation{VK_SUBGROUP_FEATURE_ARITHMETIC_BIT, "ARITHMETIC"},
      Operation{VK_SUBGROUP_FEATURE_BALLOT_BIT, "BALLOT"},
      Operation{VK_SUBGROUP_FEATURE_SHUFFLE_BIT, "SHUFFLE"},
      Operation{VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT, "SHUFFLE_RELATIVE"},
      Operation{VK_SUBGROUP_FEATURE_CLUSTERED_BIT, "CLUSTERED"},
      Operation{VK_SUBGROUP_FEATURE_QUAD_BIT, "QUAD"},
  };
  Json operations = Json::array();
  if ((subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0)
    for (const Operation& operation : kOperations)
      if ((subgroup.supportedOperations & operation.bit) != 0) operations.push(operation.name);
  Json json = Json::object()
                  .set("control", control)
                  .set("ops", std::move(operations))
                  .set("size", std::uint64_t{subgroup.subgroupSize});
  if (!control) return json;
  VkPhysicalDeviceSubgroupSizeControlProperties sizes = {};
  sizes.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES;
  VkPhysicalDeviceProperties2 properties = {};
  properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  properties.pNext = &sizes;
  functions.vkGetPhysicalDeviceProperties2(device.handle, &properties);
  json.set("minSize", std::uint64_t{sizes.minSubgroupSize});
  json.set("maxSize", std::uint64_t{sizes.maxSubgroupSize});
  return json;
}

}  // namespace

Json vulkan_profile(const InstanceFunctions& functions, const PhysicalDevice& device,
                    const VkPhysicalDeviceSubgroupProperties& subgroup,
                    const std::vector<std::string>& extensions) {
  const std::uint32_t api = device.properties.apiVersion;
  const Features features(functions, device, extensions);
  Json names = Json::array();
  for (const std::string& name : extensions)
    names.push(name);
  return Json::object()
      .set("api", "vulkan")
      .set("apiVersion", fmt::format("{}.{}.{}", VK_API_VERSION_MAJOR(api),
                                     VK_API_VERSION_MINOR(api), VK_API_VERSION_PATCH(api)))
      .set("vendorID", std::uint64_t{device.properties.vendorID})
      .set("deviceID", std::uint64_t{device.properties.deviceID})
      .set("driverVersion", driver_version(device.properties))
      .set("extensions", std::move(names))
      .set("features", features.json())
      .set("limits", limits_of(device))
      .set("subgroup", subgroup_of(functions, device, subgroup, features.control()));
}

}  // namespace mlc
