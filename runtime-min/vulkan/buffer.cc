#include "runtime-min/vulkan/buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/units.h"

namespace mlc {
namespace {

constexpr std::uint64_t kStageBytes = 16 << 20;
constexpr std::uint64_t kSharedBlockBytes = 64 << 20;
constexpr std::uint64_t kSmall = 8 << 20;  // smaller buffers share blocks
constexpr std::uint64_t kPadding = 64;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

MemoryBlock::MemoryBlock(VulkanContext& owner, std::uint64_t size, std::uint32_t type_index,
                         bool map)
    : context(owner), bytes(size), type(type_index) {
  VkMemoryAllocateInfo allocate = {};
  allocate.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
  allocate.allocationSize = size;
  allocate.memoryTypeIndex = type_index;
  const DeviceFunctions& vk = context.vk();
  const VkResult result = vk.vkAllocateMemory(context.device(), &allocate, nullptr, &memory);
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY) {
    const auto& properties = context.physical().memory;
    const std::uint32_t heap = properties.memoryTypes[type_index].heapIndex;
    fail(ExitCode::kUnsupported,
         "vulkan: out of device memory on \"{}\": {} needed, its heap has {} in all",
         context.physical().info.name, bytes_text(size),
         bytes_text(properties.memoryHeaps[heap].size));
  }
  check(result, "memory");
  if (!map) return;
  void* address = nullptr;
  const VkResult mapping = vk.vkMapMemory(context.device(), memory, 0, VK_WHOLE_SIZE, 0, &address);
  if (mapping != VK_SUCCESS) vk.vkFreeMemory(context.device(), memory, nullptr);
  check(mapping, "mapping memory");
  mapped = static_cast<std::byte*>(address);
  cached = (context.physical().memory.memoryTypes[type].propertyFlags &
            VK_MEMORY_PROPERTY_HOST_CACHED_BIT) != 0;
}

MemoryBlock::~MemoryBlock() {
  if (context.may_destroy()) context.vk().vkFreeMemory(context.device(), memory, nullptr);
}

VulkanBuffer::VulkanBuffer(VulkanContext& context, std::uint64_t bytes, std::uint64_t padded,
                           VkBuffer handle, std::shared_ptr<MemoryBlock> block,
                           std::uint64_t offset)
    : Buffer(bytes),
      context_(context),
      padded_(padded),
      handle_(handle),
      block_(std::move(block)),
      offset_(offset) {}

VulkanBuffer::~VulkanBuffer() {
  if (context_.may_destroy()) context_.vk().vkDestroyBuffer(context_.device(), handle_, nullptr);
}

Memory::Memory(VulkanContext& context) : context_(context) {}

Memory::~Memory() {
  for (Stage& stage : stages_) {
    context_.free_commands(stage.commands);
    if (stage.fence != VK_NULL_HANDLE && context_.may_destroy())
      context_.vk().vkDestroyFence(context_.device(), stage.fence, nullptr);
  }
}

// Params: near the kernels, and visible to the host where that is no small window (on devices that
// share the host's memory, or show it all). Shared buffers: where the host reads fast, because what
// it reads back (logits) is larger than what it writes.
std::uint32_t Memory::choose_type(std::uint32_t allowed, BufferUse use, std::uint64_t bytes) const {
  const VkPhysicalDeviceMemoryProperties& memory = context_.physical().memory;
  constexpr VkMemoryPropertyFlags kLocal = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  constexpr VkMemoryPropertyFlags kVisible =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  constexpr VkMemoryPropertyFlags kCached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
  const std::array<VkMemoryPropertyFlags, 4> for_device = {kLocal | kVisible | kCached,
                                                           kLocal | kVisible, kLocal, 0};
  const std::array<VkMemoryPropertyFlags, 4> for_shared = {
      kLocal | kVisible | kCached, kVisible | kCached, kLocal | kVisible, kVisible};
  for (const VkMemoryPropertyFlags wanted : use == BufferUse::kDevice ? for_device : for_shared) {
    for (std::uint32_t i = 0; i < memory.memoryTypeCount; i++) {
      if ((allowed >> i & 1) == 0) continue;
      if ((memory.memoryTypes[i].propertyFlags & wanted) != wanted) continue;
      const std::uint64_t heap = memory.memoryHeaps[memory.memoryTypes[i].heapIndex].size;
      if (bytes > heap) continue;
      // The window of a discrete GPU is 256 MiB: not for params.
      const bool window = use == BufferUse::kDevice && (wanted & kVisible) != 0 &&
                          heap < context_.physical().info.memory_bytes / 2;
      if (!window) return i;
    }
  }
  fail(ExitCode::kUnsupported, "vulkan: no memory of \"{}\" can hold a buffer of {}",
       context_.physical().info.name, bytes_text(bytes));
}

std::shared_ptr<MemoryBlock> Memory::place(const VkMemoryRequirements& needs, std::uint32_t type,
                                           std::uint64_t* offset) {
  const VkPhysicalDeviceMemoryProperties& memory = context_.physical().memory;
  const bool visible =
      (memory.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) != 0;
  *offset = 0;
  if (needs.size >= kSmall)
    return std::make_shared<MemoryBlock>(context_, needs.size, type, visible);
  std::erase_if(shared_blocks_, [](const auto& block) { return block.expired(); });
  for (const std::weak_ptr<MemoryBlock>& candidate : shared_blocks_) {
    std::shared_ptr<MemoryBlock> block = candidate.lock();
    const std::uint64_t begin = round_up(block->used, needs.alignment);
    if (block->type != type || begin + needs.size > block->bytes) continue;
    *offset = begin;
    block->used = begin + needs.size;
    return block;
  }
  // Blocks grow with what is used, so that a small model takes little.
  const std::uint64_t size =
      std::min(kSharedBlockBytes, (std::uint64_t{1} << 20)
                                      << std::min<std::size_t>(6, shared_blocks_.size()));
  auto block = std::make_shared<MemoryBlock>(context_, std::max(size, needs.size), type, visible);
  block->used = needs.size;
  shared_blocks_.push_back(block);
  return block;
}

std::unique_ptr<VulkanBuffer> Memory::make(std::uint64_t bytes, BufferUse use,
                                           std::chrono::seconds timeout) {
  const DeviceInfo& info = context_.physical().info;
  if (bytes > info.max_buffer_bytes)
    fail(ExitCode::kUnsupported,
         "vulkan: a buffer of {} was asked for, \"{}\" allows {} in one buffer", bytes_text(bytes),
         info.name, bytes_text(info.max_buffer_bytes));
  const DeviceFunctions& vk = context_.vk();
  const std::uint64_t padded =
      std::min(round_up(std::max<std::uint64_t>(bytes, 1), kPadding), info.max_buffer_bytes);
  VkBufferCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
  create.size = padded;
  create.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
  create.sharingMode = VK_SHARING_MODE_EXCLUSIVE;
  VkBuffer handle = VK_NULL_HANDLE;
  check(vk.vkCreateBuffer(context_.device(), &create, nullptr, &handle), "buffer");
  std::unique_ptr<VulkanBuffer> buffer;
  try {
    VkMemoryRequirements needs = {};
    vk.vkGetBufferMemoryRequirements(context_.device(), handle, &needs);
    std::uint64_t offset = 0;
    std::shared_ptr<MemoryBlock> block =
        place(needs, choose_type(needs.memoryTypeBits, use, needs.size), &offset);
    check(vk.vkBindBufferMemory(context_.device(), handle, block->memory, offset), "buffer");
    buffer =
        std::make_unique<VulkanBuffer>(context_, bytes, padded, handle, std::move(block), offset);
  } catch (...) {
    vk.vkDestroyBuffer(context_.device(), handle, nullptr);
    throw;
  }
  if (always_stage_ && use == BufferUse::kDevice) buffer->hide();
  zero(*buffer, timeout);
  return buffer;
}

void Memory::begin(VkCommandBuffer commands) {
  VkCommandBufferBeginInfo begin = {};
  begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  check(context_.vk().vkBeginCommandBuffer(commands, &begin), "command buffer");
  // What kernels did to the memory comes before the copy.
  VkMemoryBarrier barrier = {};
  barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
  barrier.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
  barrier.dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
  context_.vk().vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                     VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &barrier, 0, nullptr, 0,
                                     nullptr);
}

void Memory::zero(const VulkanBuffer& buffer, std::chrono::seconds timeout) {
  if (buffer.cached()) {
    std::memset(buffer.mapped(), 0, buffer.padded());
    return;
  }
  make_stages(timeout);
  Stage& stage = stages_[0];
  begin(stage.commands);
  context_.vk().vkCmdFillBuffer(stage.commands, buffer.handle(), 0, VK_WHOLE_SIZE, 0);
  check(context_.vk().vkEndCommandBuffer(stage.commands), "command buffer");
  context_.run(stage.commands, timeout);
}

void Memory::make_stages(std::chrono::seconds timeout) {
  for (Stage& stage : stages_) {
    if (stage.commands == VK_NULL_HANDLE) stage.commands = context_.new_commands();
    if (stage.fence == VK_NULL_HANDLE) stage.fence = context_.new_fence();
    if (stage.buffer == nullptr) stage.buffer = make(kStageBytes, BufferUse::kShared, timeout);
  }
}

void Memory::finish(Stage& stage, std::chrono::seconds timeout) {
  if (!stage.busy) return;
  stage.busy = false;
  context_.wait(stage.fence, timeout);
}

void Memory::write(const VulkanBuffer& buffer, std::uint64_t offset,
                   std::span<const std::byte> bytes, std::chrono::seconds timeout) {
  if (bytes.empty()) return;
  if (buffer.mapped() != nullptr) {
    std::memcpy(buffer.mapped() + offset, bytes.data(), bytes.size());
    return;
  }
  make_stages(timeout);
  std::size_t turn = 0;
  while (!bytes.empty()) {
    Stage& stage = stages_[turn++ % stages_.size()];
    finish(stage, timeout);
    const std::size_t piece = std::min<std::size_t>(bytes.size(), kStageBytes);
    std::memcpy(stage.buffer->mapped(), bytes.data(), piece);
    begin(stage.commands);
    const VkBufferCopy region = {0, offset, piece};
    context_.vk().vkCmdCopyBuffer(stage.commands, stage.buffer->handle(), buffer.handle(), 1,
                                  &region);
    check(context_.vk().vkEndCommandBuffer(stage.commands), "command buffer");
    context_.submit(stage.commands, stage.fence);
    stage.busy = true;
    bytes = bytes.subspan(piece);
    offset += piece;
  }
  for (Stage& stage : stages_)
    finish(stage, timeout);
}

void Memory::read(const VulkanBuffer& buffer, std::uint64_t offset, std::span<std::byte> bytes,
                  std::chrono::seconds timeout) {
  if (bytes.empty()) return;
  // What is seen through a bus without a cache is read word by word: rather by the device.
  if (buffer.cached()) {
    std::memcpy(bytes.data(), buffer.mapped() + offset, bytes.size());
    return;
  }
  make_stages(timeout);
  Stage& stage = stages_[0];
  while (!bytes.empty()) {
    const std::size_t piece = std::min<std::size_t>(bytes.size(), kStageBytes);
    begin(stage.commands);
    const VkBufferCopy region = {offset, 0, piece};
    context_.vk().vkCmdCopyBuffer(stage.commands, buffer.handle(), stage.buffer->handle(), 1,
                                  &region);
    VkMemoryBarrier barrier = {};
    barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
    barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    barrier.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
    context_.vk().vkCmdPipelineBarrier(stage.commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                                       VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, nullptr, 0,
                                       nullptr);
    check(context_.vk().vkEndCommandBuffer(stage.commands), "command buffer");
    context_.run(stage.commands, timeout);
    std::memcpy(bytes.data(), stage.buffer->mapped(), piece);
    bytes = bytes.subspan(piece);
    offset += piece;
  }
}

}  // namespace mlc
