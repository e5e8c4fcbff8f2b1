// Dispatches recorded into a command buffer that is submitted once for every run.
#pragma once

#include <memory>
#include <vector>

#include "runtime-min/device.h"
#include "runtime-min/vulkan/buffer.h"
#include "runtime-min/vulkan/pipelines.h"
#include "runtime-min/vulkan/query_pool.h"

namespace mlc {

// A dispatch with all that its recording needs.
struct Step {
  const Variant* variant;
  Launch launch;
  Dispatch dispatch;
};

class VulkanProgram : public Program {
 public:
  // `filler` is bound where a slice is empty.
  VulkanProgram(VulkanContext& context, Pipelines& pipelines, VulkanBuffer& filler,
                std::vector<Step> steps, const DeviceTraits& traits);
  ~VulkanProgram() override;
  VulkanProgram(const VulkanProgram&) = delete;
  VulkanProgram& operator=(const VulkanProgram&) = delete;

  void run(std::chrono::seconds timeout, std::vector<std::uint64_t>* nanoseconds);
  std::size_t barriers() const { return barriers_; }  // between dispatches

 private:
  struct Recorded {
    Pipelines::Pipeline pipeline;
    VkDescriptorSet set;
  };

  void make_sets(Pipelines& pipelines, VulkanBuffer& filler);
  // With a pool every dispatch stands alone, between two timestamps.
  void record(VkCommandBuffer commands, QueryPool* pool);
  void dispatch(VkCommandBuffer commands, std::size_t index);

  VulkanContext& context_;
  std::vector<Step> steps_;
  DeviceTraits traits_;
  std::vector<Recorded> recorded_;
  VkDescriptorPool descriptors_ = VK_NULL_HANDLE;
  VkCommandBuffer commands_ = VK_NULL_HANDLE;
  VkCommandBuffer timed_ = VK_NULL_HANDLE;  // made when first asked for
  std::unique_ptr<QueryPool> pool_;
  std::size_t barriers_ = 0;
};

}  // namespace mlc
