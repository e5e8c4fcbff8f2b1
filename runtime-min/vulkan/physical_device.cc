#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "runtime-min/vulkan/instance.h"

namespace mlc {
namespace {

std::string version_text(std::uint32_t version) {
  return fmt::format("{}.{}.{}", VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
                     VK_API_VERSION_PATCH(version));
}

const char* type_name(VkPhysicalDeviceType type) {
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
      return "discrete GPU";
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
      return "integrated GPU";
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
      return "virtual GPU";
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return "CPU";
    default:
      return "other";
  }
}

// A family that computes; one without graphics if there is a choice, since its queue is free of
// other work.
void choose_queue(const InstanceFunctions& functions, PhysicalDevice& device) {
  std::uint32_t count = 0;
  functions.vkGetPhysicalDeviceQueueFamilyProperties(device.handle, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  functions.vkGetPhysicalDeviceQueueFamilyProperties(device.handle, &count, families.data());
  bool found = false;
  for (std::uint32_t i = 0; i < count; i++) {
    if ((families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) == 0) continue;
    const bool alone = (families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) == 0;
    if (found && !alone) continue;
    device.queue_family = i;
    device.timestamp_bits = families[i].timestampValidBits;
    found = true;
    if (alone) break;
  }
  if (!found)
    fail(ExitCode::kUnsupported, "vulkan: \"{}\" has no compute queue",
         printable(device.properties.deviceName));
}

std::vector<std::string> extensions_of(const InstanceFunctions& functions,
                                       VkPhysicalDevice handle) {
  std::uint32_t count = 0;
  check(functions.vkEnumerateDeviceExtensionProperties(handle, nullptr, &count, nullptr),
        "extensions");
  std::vector<VkExtensionProperties> extensions(count);
  check(functions.vkEnumerateDeviceExtensionProperties(handle, nullptr, &count, extensions.data()),
        "extensions");
  std::vector<std::string> names;
  for (const VkExtensionProperties& e : extensions)
    names.emplace_back(e.extensionName, ::strnlen(e.extensionName, sizeof(e.extensionName)));
  std::sort(names.begin(), names.end());
  return names;
}

void fill_info(PhysicalDevice& device, std::uint32_t largest_group) {
  const VkPhysicalDeviceLimits& limits = device.properties.limits;
  DeviceInfo& info = device.info;
  info.backend = "vulkan";
  info.name = printable(device.properties.deviceName);
  info.driver = device.driver;
  info.is_cpu = device.is_cpu();
  for (std::uint32_t i = 0; i < device.memory.memoryHeapCount; i++)
    if ((device.memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0)
      info.memory_bytes = std::max(info.memory_bytes, device.memory.memoryHeaps[i].size);
  info.max_buffer_bytes = std::min(device.max_buffer_bytes, info.memory_bytes);
  info.max_binding_bytes =
      std::min<std::uint64_t>(limits.maxStorageBufferRange, info.max_buffer_bytes);
  // At least 16, so that every slice can be read as uvec4.
  info.slice_alignment = std::max<std::uint64_t>(16, limits.minStorageBufferOffsetAlignment);
  if (info.is_cpu)  // variants for it bind activations as uniform buffers
    info.slice_alignment = std::max(info.slice_alignment, limits.minUniformBufferOffsetAlignment);
  if (device.subgroup_arithmetic) info.features.emplace_back("subgroup");
  if (device.subgroup_size_control) info.features.emplace_back("subgroup_size_control");
  info.limits = {
      {"type", type_name(device.properties.deviceType)},
      {"Vulkan", version_text(device.properties.apiVersion)},
      {"subgroup size", std::to_string(device.subgroup_size)},
      {"work-group", std::to_string(largest_group)},
      {"shared memory", std::to_string(limits.maxComputeSharedMemorySize)},
      {"storage buffer range", std::to_string(limits.maxStorageBufferRange)},
      {"uniform buffer range", std::to_string(limits.maxUniformBufferRange)},
      {"buffer offset alignment", std::to_string(limits.minStorageBufferOffsetAlignment)},
  };
}

}  // namespace

PhysicalDevice describe(const InstanceFunctions& functions, VkPhysicalDevice handle) {
  PhysicalDevice device;
  device.handle = handle;
  VkPhysicalDeviceDriverProperties driver = {};
  driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
  VkPhysicalDeviceSubgroupProperties subgroup = {};
  subgroup.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES;
  VkPhysicalDeviceMaintenance3Properties maintenance3 = {};
  maintenance3.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES;
  VkPhysicalDeviceMaintenance4Properties maintenance4 = {};
  maintenance4.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES;
  subgroup.pNext = &maintenance3;
  VkPhysicalDeviceProperties2 properties = {};
  properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  functions.vkGetPhysicalDeviceProperties2(handle, &properties);
  device.properties = properties.properties;
  if (device.properties.apiVersion < VK_API_VERSION_1_1)
    fail(ExitCode::kUnsupported, "vulkan: \"{}\" offers Vulkan {}, expected 1.1 or later",
         printable(device.properties.deviceName), version_text(device.properties.apiVersion));
  // Structures that the device doesn't know must not be in the chain.
  if (device.properties.apiVersion >= VK_API_VERSION_1_2) maintenance3.pNext = &driver;
  if (device.properties.apiVersion >= VK_API_VERSION_1_3) driver.pNext = &maintenance4;
  properties.pNext = &subgroup;
  functions.vkGetPhysicalDeviceProperties2(handle, &properties);

  VkPhysicalDeviceMemoryProperties2 memory = {};
  memory.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2;
  functions.vkGetPhysicalDeviceMemoryProperties2(handle, &memory);
  device.memory = memory.memoryProperties;
  choose_queue(functions, device);

  device.subgroup_size = std::max<std::uint32_t>(1, subgroup.subgroupSize);
  constexpr VkSubgroupFeatureFlags kWanted =
      VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
  device.subgroup_arithmetic = (subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0 &&
                               (subgroup.supportedOperations & kWanted) == kWanted;
  const std::vector<std::string> extensions = extensions_of(functions, handle);
  if (std::binary_search(extensions.begin(), extensions.end(),
                         VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME)) {
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT control = {};
    control.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT;
    VkPhysicalDeviceFeatures2 features = {};
    features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    features.pNext = &control;
    functions.vkGetPhysicalDeviceFeatures2(handle, &features);
    device.subgroup_size_control =
        control.subgroupSizeControl == VK_TRUE && control.computeFullSubgroups == VK_TRUE;
  }
  device.max_buffer_bytes = maintenance3.maxMemoryAllocationSize;
  if (maintenance4.maxBufferSize != 0)
    device.max_buffer_bytes = std::min(device.max_buffer_bytes, maintenance4.maxBufferSize);
  device.driver = driver.driverName[0] != '\0'
                      ? printable(fmt::format("{} {}", driver.driverName, driver.driverInfo))
                      : fmt::format("version {}", device.properties.driverVersion);
  fill_info(device, device.properties.limits.maxComputeWorkGroupInvocations);
  device.info.profile = vulkan_profile(functions, device, subgroup, extensions);
  return device;
}

}  // namespace mlc
