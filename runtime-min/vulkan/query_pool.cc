#include "runtime-min/vulkan/query_pool.h"

#include "base/error.h"

namespace mlc {

QueryPool::QueryPool(VulkanContext& context, std::uint32_t count)
    : context_(context), count_(count) {
  if (context.physical().timestamp_bits == 0)
    fail(ExitCode::kUnsupported, "vulkan: the queue of \"{}\" has no timestamps",
         context.physical().info.name);
  VkQueryPoolCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO;
  create.queryType = VK_QUERY_TYPE_TIMESTAMP;
  create.queryCount = count;
  check(context.vk().vkCreateQueryPool(context.device(), &create, nullptr, &pool_), "query pool");
}

QueryPool::~QueryPool() {
  if (context_.may_destroy()) context_.vk().vkDestroyQueryPool(context_.device(), pool_, nullptr);
}

void QueryPool::reset(VkCommandBuffer commands) {
  context_.vk().vkCmdResetQueryPool(commands, pool_, 0, count_);
}

void QueryPool::stamp(VkCommandBuffer commands, std::uint32_t index) {
  context_.vk().vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool_, index);
}

std::vector<std::uint64_t> QueryPool::differences() {
  std::vector<std::uint64_t> stamps(count_);
  check(context_.vk().vkGetQueryPoolResults(
            context_.device(), pool_, 0, count_, stamps.size() * sizeof(stamps[0]), stamps.data(),
            sizeof(stamps[0]), VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT),
        "timestamps");
  // The counter may wrap around: only so many bits count.
  const std::uint32_t bits = context_.physical().timestamp_bits;
  const std::uint64_t mask = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  const double period = static_cast<double>(context_.physical().properties.limits.timestampPeriod);
  std::vector<std::uint64_t> differences;
  for (std::size_t i = 1; i < stamps.size(); i++)
    differences.push_back(static_cast<std::uint64_t>(
        static_cast<double>((stamps[i] - stamps[i - 1]) & mask) * period));
  return differences;
}

}  // namespace mlc
