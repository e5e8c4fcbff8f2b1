#include "runtime-min/vulkan/context.h"

#include <utility>

#include "base/error.h"

namespace mlc {
namespace {

constexpr std::uint64_t kLastChance = 2'000'000'000;  // ns

}  // namespace

VulkanContext::VulkanContext(VulkanInstance& instance, PhysicalDevice physical)
    : instance_(instance), physical_(std::move(physical)) {
  const float priority = 1;
  VkDeviceQueueCreateInfo queue = {};
  queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
  queue.queueFamilyIndex = physical_.queue_family;
  queue.queueCount = 1;
  queue.pQueuePriorities = &priority;
  VkPhysicalDeviceSubgroupSizeControlFeaturesEXT control = {};
  control.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT;
  control.subgroupSizeControl = VK_TRUE;
  control.computeFullSubgroups = VK_TRUE;
  const char* extension = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
  VkDeviceCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
  create.queueCreateInfoCount = 1;
  create.pQueueCreateInfos = &queue;
  if (physical_.subgroup_size_control) {
    create.pNext = &control;
    create.enabledExtensionCount = 1;
    create.ppEnabledExtensionNames = &extension;
  }
  check(instance_.functions().vkCreateDevice(physical_.handle, &create, nullptr, &device_),
        "device");
  vk_ = load_device_functions(instance_.functions(), device_);
  vk_.vkGetDeviceQueue(device_, physical_.queue_family, 0, &queue_);
  VkCommandPoolCreateInfo pool = {};
  pool.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
  pool.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
  pool.queueFamilyIndex = physical_.queue_family;
  check(vk_.vkCreateCommandPool(device_, &pool, nullptr, &pool_), "command pool");
  fence_ = new_fence();
}

VulkanContext::~VulkanContext() {
  if (device_ == VK_NULL_HANDLE || !may_destroy()) return;
  vk_.vkDestroyFence(device_, fence_, nullptr);
  vk_.vkDestroyCommandPool(device_, pool_, nullptr);
  vk_.vkDestroyDevice(device_, nullptr);
}

VkCommandBuffer VulkanContext::new_commands() {
  VkCommandBufferAllocateInfo allocate = {};
  allocate.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
  allocate.commandPool = pool_;
  allocate.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  allocate.commandBufferCount = 1;
  VkCommandBuffer commands = VK_NULL_HANDLE;
  check(vk_.vkAllocateCommandBuffers(device_, &allocate, &commands), "command buffer");
  return commands;
}

void VulkanContext::free_commands(VkCommandBuffer commands) {
  if (commands != VK_NULL_HANDLE && may_destroy())
    vk_.vkFreeCommandBuffers(device_, pool_, 1, &commands);
}

VkFence VulkanContext::new_fence() {
  VkFenceCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
  VkFence fence = VK_NULL_HANDLE;
  check(vk_.vkCreateFence(device_, &create, nullptr, &fence), "fence");
  return fence;
}

void VulkanContext::submit(VkCommandBuffer commands, VkFence fence) {
  if (lost_) fail(ExitCode::kUnsupported, "vulkan: device lost: \"{}\"", physical_.info.name);
  VkSubmitInfo submit = {};
  submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
  submit.commandBufferCount = 1;
  submit.pCommandBuffers = &commands;
  const VkResult result = vk_.vkQueueSubmit(queue_, 1, &submit, fence);
  if (result == VK_ERROR_DEVICE_LOST) lost_ = true;
  check(result, "submit");
}

void VulkanContext::wait(VkFence fence, std::chrono::nanoseconds timeout) {
  const auto count = static_cast<std::uint64_t>(timeout.count());
  const VkResult result = vk_.vkWaitForFences(device_, 1, &fence, VK_TRUE, count);
  if (result == VK_TIMEOUT) {
    lost_ = true;
    hanging_ = fence;
    fail(ExitCode::kUnsupported, "vulkan: \"{}\" did not finish within {} seconds and is given up",
         physical_.info.name, std::chrono::duration_cast<std::chrono::seconds>(timeout).count());
  }
  if (result == VK_ERROR_DEVICE_LOST) lost_ = true;
  check(result, "wait");
  check(vk_.vkResetFences(device_, 1, &fence), "fence");
}

void VulkanContext::run(VkCommandBuffer commands, std::chrono::nanoseconds timeout) {
  submit(commands, fence_);
  wait(fence_, timeout);
}

bool VulkanContext::may_destroy() {
  if (hanging_ != VK_NULL_HANDLE) {
    abandoned_ = vk_.vkWaitForFences(device_, 1, &hanging_, VK_TRUE, kLastChance) == VK_TIMEOUT;
    hanging_ = VK_NULL_HANDLE;
  }
  return !abandoned_;
}

}  // namespace mlc
