#include "runtime-min/vulkan/program.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "runtime-min/vulkan/hazards.h"

namespace mlc {
namespace {

void memory_barrier(const DeviceFunctions& vk, VkCommandBuffer commands, VkPipelineStageFlags from,
                    VkAccessFlags before, VkPipelineStageFlags to, VkAccessFlags after) {
  VkMemoryBarrier barrier = {};
  barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
  barrier.srcAccessMask = before;
  barrier.dstAccessMask = after;
  vk.vkCmdPipelineBarrier(commands, from, to, 0, 1, &barrier, 0, nullptr, 0, nullptr);
}

constexpr VkAccessFlags kShaderAccess =
    VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_UNIFORM_READ_BIT;
constexpr std::uint64_t kVector = 16;

}  // namespace

VulkanProgram::VulkanProgram(VulkanContext& context, Pipelines& pipelines, VulkanBuffer& filler,
                             std::vector<Step> steps, const DeviceTraits& traits)
    : context_(context), steps_(std::move(steps)), traits_(traits) {
  try {
    make_sets(pipelines, filler);
    commands_ = context_.new_commands();
    record(commands_, nullptr);
  } catch (...) {
    context_.free_commands(commands_);
    if (descriptors_ != VK_NULL_HANDLE)
      context_.vk().vkDestroyDescriptorPool(context_.device(), descriptors_, nullptr);
    throw;
  }
}

VulkanProgram::~VulkanProgram() {
  context_.free_commands(commands_);
  context_.free_commands(timed_);
  if (descriptors_ != VK_NULL_HANDLE && context_.may_destroy())
    context_.vk().vkDestroyDescriptorPool(context_.device(), descriptors_, nullptr);
}

void VulkanProgram::make_sets(Pipelines& pipelines, VulkanBuffer& filler) {
  if (steps_.empty()) return;
  std::uint32_t storage = 0, uniform = 0;
  for (const Step& step : steps_) {
    const std::uint32_t buffers = info_of(step.variant->kernel).buffers;
    for (std::uint32_t i = 0; i < buffers; i++)
      ((step.variant->uniforms >> i & 1) != 0 ? uniform : storage)++;
  }
  const std::array<VkDescriptorPoolSize, 2> sizes = {{
      {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, std::max(storage, 1u)},
      {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, std::max(uniform, 1u)},
  }};
  const DeviceFunctions& vk = context_.vk();
  VkDescriptorPoolCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
  create.maxSets = static_cast<std::uint32_t>(steps_.size());
  create.poolSizeCount = static_cast<std::uint32_t>(sizes.size());
  create.pPoolSizes = sizes.data();
  check(vk.vkCreateDescriptorPool(context_.device(), &create, nullptr, &descriptors_),
        "descriptor pool");
  for (const Step& step : steps_) {
    const Pipelines::Pipeline pipeline = pipelines.get(*step.variant, step.launch, step.dispatch);
    VkDescriptorSetAllocateInfo allocate = {};
    allocate.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO;
    allocate.descriptorPool = descriptors_;
    allocate.descriptorSetCount = 1;
    allocate.pSetLayouts = &pipeline.set_layout;
    VkDescriptorSet set = VK_NULL_HANDLE;
    check(vk.vkAllocateDescriptorSets(context_.device(), &allocate, &set), "descriptor set");
    const std::uint32_t buffers = info_of(step.variant->kernel).buffers;
    std::array<VkDescriptorBufferInfo, kMaxBuffers> infos = {};
    std::array<VkWriteDescriptorSet, kMaxBuffers> writes = {};
    for (std::uint32_t i = 0; i < buffers; i++) {
      const Slice& slice = step.dispatch.buffers[i];
      const bool is_uniform = (step.variant->uniforms >> i & 1) != 0;
      infos[i] = {filler.handle(), 0, filler.padded()};
      if (slice.buffer != nullptr && slice.bytes != 0) {
        const auto& buffer = static_cast<const VulkanBuffer&>(*slice.buffer);
        // Whole vectors; the buffer itself is padded.
        std::uint64_t range = (slice.bytes + kVector - 1) / kVector * kVector;
        range = std::min(range, buffer.padded() - slice.offset);
        // The words say what is read; the rest of a long slice needs not be visible.
        if (is_uniform) range = std::min<std::uint64_t>(range, traits_.max_uniform_bytes);
        infos[i] = {buffer.handle(), slice.offset, range};
      }
      writes[i].sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET;
      writes[i].dstSet = set;
      writes[i].dstBinding = i;
      writes[i].descriptorCount = 1;
      writes[i].descriptorType =
          is_uniform ? VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
      writes[i].pBufferInfo = &infos[i];
    }
    vk.vkUpdateDescriptorSets(context_.device(), buffers, writes.data(), 0, nullptr);
    recorded_.push_back({pipeline, set});
  }
}

void VulkanProgram::dispatch(VkCommandBuffer commands, std::size_t index) {
  const DeviceFunctions& vk = context_.vk();
  const Step& step = steps_[index];
  const Recorded& recorded = recorded_[index];
  const KernelInfo& info = info_of(step.variant->kernel);
  if (step.launch.groups == 0 || step.launch.planes == 0) return;
  vk.vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, recorded.pipeline.pipeline);
  vk.vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, recorded.pipeline.layout, 0,
                             1, &recorded.set, 0, nullptr);
  vk.vkCmdPushConstants(commands, recorded.pipeline.layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                        (info.words - info.specialized) * 4,
                        step.dispatch.words.data() + info.specialized);
  const std::uint64_t most = traits_.max_groups;
  const std::uint64_t y = (step.launch.groups + most - 1) / most;
  const std::uint64_t x = (step.launch.groups + y - 1) / y;
  if (y > most || step.launch.planes > most)
    fail(ExitCode::kUnsupported, "vulkan: {} ({}) needs {} x {} work-groups, more than \"{}\" has",
         step.variant->name, printable(step.dispatch.label), step.launch.groups, step.launch.planes,
         context_.physical().info.name);
  vk.vkCmdDispatch(commands, static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y),
                   step.launch.planes);
}

void VulkanProgram::record(VkCommandBuffer commands, QueryPool* pool) {
  const DeviceFunctions& vk = context_.vk();
  VkCommandBufferBeginInfo begin = {};
  begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  check(vk.vkBeginCommandBuffer(commands, &begin), "command buffer");
  constexpr VkPipelineStageFlags kCompute = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
  // What earlier programs and copies wrote.
  memory_barrier(vk, commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_ACCESS_MEMORY_WRITE_BIT,
                 kCompute, kShaderAccess);
  if (pool != nullptr) {
    pool->reset(commands);
    pool->stamp(commands, 0);
  }
  Hazards hazards;
  for (std::size_t i = 0; i < steps_.size(); i++) {
    const bool wait = hazards.must_wait(steps_[i].dispatch);
    if (wait || pool != nullptr)
      memory_barrier(vk, commands, kCompute, VK_ACCESS_SHADER_WRITE_BIT, kCompute, kShaderAccess);
    if (wait && pool == nullptr) barriers_++;
    dispatch(commands, i);
    if (pool != nullptr) pool->stamp(commands, static_cast<std::uint32_t>(i + 1));
  }
  memory_barrier(vk, commands, kCompute, VK_ACCESS_SHADER_WRITE_BIT,
                 VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                 VK_ACCESS_HOST_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT);
  check(vk.vkEndCommandBuffer(commands), "command buffer");
}

void VulkanProgram::run(std::chrono::seconds timeout, std::vector<std::uint64_t>* nanoseconds) {
  if (nanoseconds == nullptr) {
    context_.run(commands_, timeout);
    return;
  }
  if (timed_ == VK_NULL_HANDLE) {
    pool_ = std::make_unique<QueryPool>(context_, static_cast<std::uint32_t>(steps_.size() + 1));
    timed_ = context_.new_commands();
    record(timed_, pool_.get());
  }
  context_.run(timed_, timeout);
  *nanoseconds = pool_->differences();
}

}  // namespace mlc
