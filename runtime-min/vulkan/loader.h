// The Vulkan loader, opened at run time: the program starts without it and can say what is missing.
// Headers come from libvulkan-dev; functions come from vkGetInstanceProcAddr, through the tables
// below.
#pragma once

#define VK_NO_PROTOTYPES
#include <memory>

#include <vulkan/vulkan_core.h>

namespace mlc {

#define MLC_VK_GLOBAL(X)        \
  X(vkCreateInstance)           \
  X(vkEnumerateInstanceVersion) \
  X(vkEnumerateInstanceLayerProperties)

#define MLC_VK_INSTANCE(X)                \
  X(vkCreateDevice)                       \
  X(vkDestroyInstance)                    \
  X(vkEnumerateDeviceExtensionProperties) \
  X(vkEnumeratePhysicalDevices)           \
  X(vkGetDeviceProcAddr)                  \
  X(vkGetPhysicalDeviceFeatures2)         \
  X(vkGetPhysicalDeviceMemoryProperties2) \
  X(vkGetPhysicalDeviceProperties2)       \
  X(vkGetPhysicalDeviceQueueFamilyProperties)

#define MLC_VK_DEVICE(X)           \
  X(vkAllocateCommandBuffers)      \
  X(vkAllocateDescriptorSets)      \
  X(vkAllocateMemory)              \
  X(vkBeginCommandBuffer)          \
  X(vkBindBufferMemory)            \
  X(vkCmdBindDescriptorSets)       \
  X(vkCmdBindPipeline)             \
  X(vkCmdCopyBuffer)               \
  X(vkCmdDispatch)                 \
  X(vkCmdFillBuffer)               \
  X(vkCmdPipelineBarrier)          \
  X(vkCmdPushConstants)            \
  X(vkCmdResetQueryPool)           \
  X(vkCmdWriteTimestamp)           \
  X(vkCreateBuffer)                \
  X(vkCreateCommandPool)           \
  X(vkCreateComputePipelines)      \
  X(vkCreateDescriptorPool)        \
  X(vkCreateDescriptorSetLayout)   \
  X(vkCreateFence)                 \
  X(vkCreatePipelineCache)         \
  X(vkCreatePipelineLayout)        \
  X(vkCreateQueryPool)             \
  X(vkCreateShaderModule)          \
  X(vkDestroyBuffer)               \
  X(vkDestroyCommandPool)          \
  X(vkDestroyDescriptorPool)       \
  X(vkDestroyDescriptorSetLayout)  \
  X(vkDestroyDevice)               \
  X(vkDestroyFence)                \
  X(vkDestroyPipeline)             \
  X(vkDestroyPipelineCache)        \
  X(vkDestroyPipelineLayout)       \
  X(vkDestroyQueryPool)            \
  X(vkDestroyShaderModule)         \
  X(vkEndCommandBuffer)            \
  X(vkFreeCommandBuffers)          \
  X(vkFreeMemory)                  \
  X(vkGetBufferMemoryRequirements) \
  X(vkGetDeviceQueue)              \
  X(vkGetPipelineCacheData)        \
  X(vkGetQueryPoolResults)         \
  X(vkMapMemory)                   \
  X(vkQueueSubmit)                 \
  X(vkResetFences)                 \
  X(vkUpdateDescriptorSets)        \
  X(vkWaitForFences)

#define MLC_VK_MEMBER(name) PFN_##name name = nullptr;

// libvulkan.so.1 and what needs no instance.
struct VulkanLibrary {
  PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr = nullptr;
  MLC_VK_GLOBAL(MLC_VK_MEMBER)
};

struct InstanceFunctions {
  MLC_VK_INSTANCE(MLC_VK_MEMBER)
  // Null without VK_EXT_debug_utils.
  PFN_vkCreateDebugUtilsMessengerEXT vkCreateDebugUtilsMessengerEXT = nullptr;
  PFN_vkDestroyDebugUtilsMessengerEXT vkDestroyDebugUtilsMessengerEXT = nullptr;
};

struct DeviceFunctions {
  MLC_VK_DEVICE(MLC_VK_MEMBER)
};

// Opened once and never closed: layers and drivers keep threads and exit handlers. Error
// (kUnsupported) where it is not installed or older than Vulkan 1.1.
const VulkanLibrary& vulkan_library();
InstanceFunctions load_instance_functions(VkInstance instance);
DeviceFunctions load_device_functions(const InstanceFunctions& functions, VkDevice device);

// Throws Error(kUnsupported) "vulkan: WHAT: VK_ERROR_...": out of memory, device lost, and so on.
void check(VkResult result, const char* what);

}  // namespace mlc
