// One VkInstance, with the validation layer where asked, and what the physical devices offer.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime-min/device.h"
#include "runtime-min/vulkan/loader.h"

namespace mlc {

class VulkanInstance {
 public:
  // Error(kUnsupported): no loader, no driver, or the layer was asked for and is not installed.
  explicit VulkanInstance(bool validation);
  ~VulkanInstance();
  VulkanInstance(const VulkanInstance&) = delete;
  VulkanInstance& operator=(const VulkanInstance&) = delete;

  const InstanceFunctions& functions() const { return functions_; }
  // In the order of the loader; its indices are the numbers of `vulkan:N`.
  const std::vector<VkPhysicalDevice>& physical_devices() const { return devices_; }
  bool validation() const { return messenger_ != VK_NULL_HANDLE; }
  // Error(kBug) with what the validation layer had to say since the last call, if anything.
  void check_messages();

 private:
  static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                   VkDebugUtilsMessageTypeFlagsEXT types,
                                                   const VkDebugUtilsMessengerCallbackDataEXT* data,
                                                   void* self);
  void make_messenger();

  VkInstance instance_ = VK_NULL_HANDLE;
  InstanceFunctions functions_;
  VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
  std::vector<VkPhysicalDevice> devices_;
  std::mutex mutex_;  // the layer may call from any thread
  std::vector<std::string> messages_;
};

// The process's instance, with the layer or without. Made when first asked for and kept: with the
// last instance the loader unloads the drivers, and not all of them clean up behind themselves.
VulkanInstance& vulkan_instance(bool validation);

// What the runtime wants to know about a physical device.
struct PhysicalDevice {
  VkPhysicalDevice handle = VK_NULL_HANDLE;
  VkPhysicalDeviceProperties properties = {};
  VkPhysicalDeviceMemoryProperties memory = {};
  std::uint32_t queue_family = 0;
  std::uint32_t timestamp_bits = 0;
  std::uint32_t subgroup_size = 1;
  bool subgroup_arithmetic = false;    // in compute shaders
  bool subgroup_size_control = false;  // full subgroups can be asked for
  std::uint64_t max_buffer_bytes = 0;
  std::string driver;
  DeviceInfo info;

  bool is_cpu() const { return properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU; }
};

// DeviceInfo::profile, when all else is known. `extensions` are sorted.
Json vulkan_profile(const InstanceFunctions& functions, const PhysicalDevice& device,
                    const VkPhysicalDeviceSubgroupProperties& subgroup,
                    const std::vector<std::string>& extensions);

// Error(kUnsupported) names what the device lacks (Vulkan 1.1, a compute queue).
PhysicalDevice describe(const InstanceFunctions& functions, VkPhysicalDevice handle);

}  // namespace mlc
