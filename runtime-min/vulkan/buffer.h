// Device memory: blocks, the buffers within them, and the copies between them and the host.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "runtime-min/device.h"
#include "runtime-min/vulkan/context.h"

namespace mlc {

// One allocation. Small buffers share one, since a device may allow no more than 4096.
struct MemoryBlock {
  MemoryBlock(VulkanContext& owner, std::uint64_t size, std::uint32_t type_index, bool map);
  ~MemoryBlock();
  MemoryBlock(const MemoryBlock&) = delete;
  MemoryBlock& operator=(const MemoryBlock&) = delete;

  VulkanContext& context;
  VkDeviceMemory memory = VK_NULL_HANDLE;
  std::byte* mapped = nullptr;  // null: the host can't see it
  bool cached = false;          // the host reads it fast
  std::uint64_t bytes;
  std::uint32_t type;
  std::uint64_t used = 0;  // freed as a whole, with the last buffer
};

class VulkanBuffer : public Buffer {
 public:
  VulkanBuffer(VulkanContext& context, std::uint64_t bytes, std::uint64_t padded, VkBuffer handle,
               std::shared_ptr<MemoryBlock> block, std::uint64_t offset);
  ~VulkanBuffer() override;
  VulkanBuffer(const VulkanBuffer&) = delete;
  VulkanBuffer& operator=(const VulkanBuffer&) = delete;

  VkBuffer handle() const { return handle_; }
  // bytes(), rounded up so that the last vector of a slice can be read.
  std::uint64_t padded() const { return padded_; }
  // Null: the host can't see it, or is to act so.
  std::byte* mapped() const {
    return block_->mapped == nullptr || hidden_ ? nullptr : block_->mapped + offset_;
  }
  bool cached() const { return block_->cached && !hidden_; }
  void hide() { hidden_ = true; }

 private:
  VulkanContext& context_;
  std::uint64_t padded_;
  VkBuffer handle_;
  std::shared_ptr<MemoryBlock> block_;
  std::uint64_t offset_;
  bool hidden_ = false;
};

class Memory {
 public:
  explicit Memory(VulkanContext& context);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  std::unique_ptr<VulkanBuffer> make(std::uint64_t bytes, BufferUse use,
                                     std::chrono::seconds timeout);
  void write(const VulkanBuffer& buffer, std::uint64_t offset, std::span<const std::byte> bytes,
             std::chrono::seconds timeout);
  void read(const VulkanBuffer& buffer, std::uint64_t offset, std::span<std::byte> bytes,
            std::chrono::seconds timeout);
  // For tests: the host sees no device buffer that is made from now on, as on a discrete GPU.
  void always_stage(bool always) { always_stage_ = always; }

 private:
  // Half of the ring: while the device copies one, the host fills the other.
  struct Stage {
    std::unique_ptr<VulkanBuffer> buffer;
    VkCommandBuffer commands = VK_NULL_HANDLE;
    VkFence fence = VK_NULL_HANDLE;
    bool busy = false;
  };

  std::uint32_t choose_type(std::uint32_t allowed, BufferUse use, std::uint64_t bytes) const;
  std::shared_ptr<MemoryBlock> place(const VkMemoryRequirements& needs, std::uint32_t type,
                                     std::uint64_t* offset);
  void zero(const VulkanBuffer& buffer, std::chrono::seconds timeout);
  void make_stages(std::chrono::seconds timeout);
  void finish(Stage& stage, std::chrono::seconds timeout);
  void begin(VkCommandBuffer commands);

  VulkanContext& context_;
  std::array<Stage, 2> stages_;
  std::vector<std::weak_ptr<MemoryBlock>> shared_blocks_;
  bool always_stage_ = false;
};

}  // namespace mlc
