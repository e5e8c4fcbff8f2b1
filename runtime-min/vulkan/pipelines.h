// Compute pipelines: one for each variant with each set of constants, compiled when first needed
// and kept; and the driver's cache of them on disk.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime-min/vulkan/context.h"
#include "runtime-min/vulkan/variants.h"

namespace mlc {

class Pipelines {
 public:
  // Of `options`: the kernels, and the folder of the cache file. A cache that is damaged or of
  // another driver is ignored.
  Pipelines(VulkanContext& context, const DeviceOptions& options);
  ~Pipelines();
  Pipelines(const Pipelines&) = delete;
  Pipelines& operator=(const Pipelines&) = delete;

  struct Pipeline {
    VkPipeline pipeline = VK_NULL_HANDLE;
    VkPipelineLayout layout = VK_NULL_HANDLE;
    VkDescriptorSetLayout set_layout = VK_NULL_HANDLE;
  };
  Pipeline get(const Variant& variant, const Launch& launch, const Dispatch& dispatch);

  // Writes the cache, if something was compiled since. A folder that can't be written is no error:
  // the next run compiles again.
  void save() noexcept;

 private:
  struct Layout {
    VkDescriptorSetLayout set = VK_NULL_HANDLE;
    VkPipelineLayout pipeline = VK_NULL_HANDLE;
  };
  const Layout& layout_of(const Variant& variant);
  VkShaderModule module_of(std::string_view shader);
  void open_cache();

  VulkanContext& context_;
  std::shared_ptr<const KernelModules> kernels_;
  std::string path_;
  VkPipelineCache cache_ = VK_NULL_HANDLE;
  bool changed_ = false;
  std::map<std::string_view, VkShaderModule> modules_;
  std::map<std::string_view, Layout> layouts_;  // by the variant's name
  std::map<std::pair<std::string_view, std::vector<std::uint32_t>>, VkPipeline> pipelines_;
};

}  // namespace mlc
