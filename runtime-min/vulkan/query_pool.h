// Timestamps of the device.
#pragma once

#include <vector>

#include "runtime-min/vulkan/context.h"

namespace mlc {

class QueryPool {
 public:
  // Error(kUnsupported) where the queue has no timestamps.
  QueryPool(VulkanContext& context, std::uint32_t count);
  ~QueryPool();
  QueryPool(const QueryPool&) = delete;
  QueryPool& operator=(const QueryPool&) = delete;

  void reset(VkCommandBuffer commands);
  // When all that stands before it has ended.
  void stamp(VkCommandBuffer commands, std::uint32_t index);
  // Nanoseconds from each timestamp to the next: count - 1 of them.
  std::vector<std::uint64_t> differences();

 private:
  VulkanContext& context_;
  std::uint32_t count_;
  VkQueryPool pool_ = VK_NULL_HANDLE;
};

}  // namespace mlc
