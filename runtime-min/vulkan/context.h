// The logical device with its queue: what buffers, pipelines and programs share.
#pragma once

#include <chrono>
#include <memory>

#include "runtime-min/vulkan/instance.h"

namespace mlc {

class VulkanContext {
 public:
  VulkanContext(VulkanInstance& instance, PhysicalDevice physical);
  ~VulkanContext();
  VulkanContext(const VulkanContext&) = delete;
  VulkanContext& operator=(const VulkanContext&) = delete;

  VulkanInstance& instance() { return instance_; }
  const PhysicalDevice& physical() const { return physical_; }
  const DeviceFunctions& vk() const { return vk_; }
  VkDevice device() const { return device_; }

  VkCommandBuffer new_commands();  // begun by the caller
  void free_commands(VkCommandBuffer commands);
  VkFence new_fence();

  // Begins the work. Error(kUnsupported) "device lost", also if it was lost before.
  void submit(VkCommandBuffer commands, VkFence fence);
  // Error(kUnsupported) when the time passes; then the device is lost, and what the hanging work
  // may still use is never freed, unless it ends in the moments of the first destructor.
  void wait(VkFence fence, std::chrono::nanoseconds timeout);
  // submit, wait and reset, with a fence of its own.
  void run(VkCommandBuffer commands, std::chrono::nanoseconds timeout);

  // Whether objects may be destroyed: no if work hangs that may use them.
  bool may_destroy();

 private:
  VulkanInstance& instance_;
  PhysicalDevice physical_;
  VkDevice device_ = VK_NULL_HANDLE;
  DeviceFunctions vk_;
  VkQueue queue_ = VK_NULL_HANDLE;
  VkCommandPool pool_ = VK_NULL_HANDLE;
  VkFence fence_ = VK_NULL_HANDLE;
  bool lost_ = false;
  VkFence hanging_ = VK_NULL_HANDLE;  // the fence of the work that did not end in time
  bool abandoned_ = false;
};

}  // namespace mlc
