#include "runtime-min/vulkan/pipelines.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "runtime-min/kernels/kernel_modules.h"

namespace mlc {
namespace {

constexpr std::uint32_t kFirstLaunchConstant = 16;
constexpr std::uint64_t kMaxCacheBytes = 256 << 20;
constexpr std::size_t kDigestBytes = 32;

// The file is a digest and what the driver gave: drivers are not required to survive damage.
std::string digest_of(std::string_view data) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(data.data(), data.size())));
  const Sha256Digest digest = hash.finish();
  return std::string(digest.begin(), digest.end());
}

std::string cache_path(const std::string& folder, const VkPhysicalDeviceProperties& properties) {
  if (folder.empty()) return {};
  return fmt::format("{}/vulkan-{:04x}-{:04x}-{:08x}-{}.bin", folder, properties.vendorID,
                     properties.deviceID, properties.driverVersion,
                     hex(properties.pipelineCacheUUID));
}

}  // namespace

Pipelines::Pipelines(VulkanContext& context, const DeviceOptions& options)
    : context_(context),
      kernels_(options.kernels),
      path_(cache_path(options.cache_folder, context.physical().properties)) {
  open_cache();
}

Pipelines::~Pipelines() {
  if (!context_.may_destroy()) return;
  save();
  const DeviceFunctions& vk = context_.vk();
  for (const auto& [key, pipeline] : pipelines_)
    vk.vkDestroyPipeline(context_.device(), pipeline, nullptr);
  for (const auto& [name, layout] : layouts_) {
    vk.vkDestroyPipelineLayout(context_.device(), layout.pipeline, nullptr);
    vk.vkDestroyDescriptorSetLayout(context_.device(), layout.set, nullptr);
  }
  for (const auto& [name, module] : modules_)
    vk.vkDestroyShaderModule(context_.device(), module, nullptr);
  vk.vkDestroyPipelineCache(context_.device(), cache_, nullptr);
}

void Pipelines::open_cache() {
  std::string file;
  if (!path_.empty()) {
    try {
      file = read_file(path_, kMaxCacheBytes);
    } catch (const Error&) {
      file.clear();  // not there yet, or not readable: start empty
    }
  }
  std::string_view data = file;
  if (data.size() < kDigestBytes ||
      digest_of(data.substr(kDigestBytes)) != data.substr(0, kDigestBytes))
    data = {};
  else
    data.remove_prefix(kDigestBytes);
  VkPipelineCacheCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO;
  create.initialDataSize = data.size();
  create.pInitialData = data.empty() ? nullptr : data.data();
  check(context_.vk().vkCreatePipelineCache(context_.device(), &create, nullptr, &cache_),
        "pipeline cache");
}

void Pipelines::save() noexcept {
  if (path_.empty() || !changed_) return;
  changed_ = false;
  try {
    std::size_t size = 0;
    const DeviceFunctions& vk = context_.vk();
    if (vk.vkGetPipelineCacheData(context_.device(), cache_, &size, nullptr) != VK_SUCCESS) return;
    std::string data(size, '\0');
    if (vk.vkGetPipelineCacheData(context_.device(), cache_, &size, data.data()) != VK_SUCCESS)
      return;
    data.resize(size);
    write_file_atomically(path_, digest_of(data) + data);
  } catch (...) {
    // Said in the header: no error.
    path_.clear();
  }
}

const Pipelines::Layout& Pipelines::layout_of(const Variant& variant) {
  const auto found = layouts_.find(variant.name);
  if (found != layouts_.end()) return found->second;
  const KernelInfo& info = info_of(variant.kernel);
  std::vector<VkDescriptorSetLayoutBinding> bindings;
  for (std::uint32_t i = 0; i < info.buffers; i++) {
    VkDescriptorSetLayoutBinding binding = {};
    binding.binding = i;
    binding.descriptorType = (variant.uniforms >> i & 1) != 0 ? VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER
                                                              : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    binding.descriptorCount = 1;
    binding.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
    bindings.push_back(binding);
  }
  Layout layout;
  VkDescriptorSetLayoutCreateInfo set = {};
  set.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO;
  set.bindingCount = info.buffers;
  set.pBindings = bindings.data();
  const DeviceFunctions& vk = context_.vk();
  check(vk.vkCreateDescriptorSetLayout(context_.device(), &set, nullptr, &layout.set),
        "descriptor set layout");
  VkPushConstantRange range = {};
  range.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
  range.size = (info.words - info.specialized) * 4;
  VkPipelineLayoutCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
  create.setLayoutCount = 1;
  create.pSetLayouts = &layout.set;
  create.pushConstantRangeCount = 1;
  create.pPushConstantRanges = &range;
  const VkResult result =
      vk.vkCreatePipelineLayout(context_.device(), &create, nullptr, &layout.pipeline);
  if (result != VK_SUCCESS) vk.vkDestroyDescriptorSetLayout(context_.device(), layout.set, nullptr);
  check(result, "pipeline layout");
  return layouts_.emplace(variant.name, layout).first->second;
}

VkShaderModule Pipelines::module_of(std::string_view shader) {
  const auto found = modules_.find(shader);
  if (found != modules_.end()) return found->second;
  const std::span<const std::uint32_t> code = spirv_module(kernels_.get(), shader);
  VkShaderModuleCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
  create.codeSize = code.size_bytes();
  create.pCode = code.data();
  VkShaderModule module = VK_NULL_HANDLE;
  check(context_.vk().vkCreateShaderModule(context_.device(), &create, nullptr, &module),
        "shader module");
  return modules_.emplace(shader, module).first->second;
}

Pipelines::Pipeline Pipelines::get(const Variant& variant, const Launch& launch,
                                   const Dispatch& dispatch) {
  const Layout& layout = layout_of(variant);
  const KernelInfo& info = info_of(variant.kernel);
  std::vector<std::uint32_t> constants(dispatch.words.begin(),
                                       dispatch.words.begin() + info.specialized);
  std::vector<VkSpecializationMapEntry> entries;
  const auto entry = [&](std::uint32_t id) {
    entries.push_back({id, static_cast<std::uint32_t>(entries.size() * 4), 4});
  };
  for (std::uint32_t i = 0; i < info.specialized; i++)
    entry(i);
  for (std::uint32_t i = 0; i < variant.constants; i++) {
    entry(kFirstLaunchConstant + i);
    constants.push_back(launch.constants[i]);
  }
  auto key = std::make_pair(variant.name, constants);
  if (const auto found = pipelines_.find(key); found != pipelines_.end())
    return {found->second, layout.pipeline, layout.set};

  VkSpecializationInfo specialization = {};
  specialization.mapEntryCount = static_cast<std::uint32_t>(entries.size());
  specialization.pMapEntries = entries.data();
  specialization.dataSize = constants.size() * 4;
  specialization.pData = constants.data();
  VkComputePipelineCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
  create.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  create.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  create.stage.module = module_of(variant.shader);
  create.stage.pName = "main";
  create.stage.pSpecializationInfo = &specialization;
  create.layout = layout.pipeline;
  if (variant.subgroups && context_.physical().subgroup_size_control)
    create.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT;
  VkPipeline pipeline = VK_NULL_HANDLE;
  const VkResult result = context_.vk().vkCreateComputePipelines(context_.device(), cache_, 1,
                                                                 &create, nullptr, &pipeline);
  if (result != VK_SUCCESS)
    fail(ExitCode::kUnsupported, "vulkan: \"{}\" can't compile kernel {} (result {})",
         context_.physical().info.name, variant.name, static_cast<int>(result));
  changed_ = true;
  pipelines_.emplace(std::move(key), pipeline);
  return {pipeline, layout.pipeline, layout.set};
}

}  // namespace mlc
