#include "runtime-min/vulkan/vulkan_device.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "runtime-min/kernels/check_dispatch.h"
#include "runtime-min/kernels/kernel_modules.h"
#include "runtime-min/vulkan/buffer.h"
#include "runtime-min/vulkan/pipelines.h"
#include "runtime-min/vulkan/program.h"

namespace mlc {
namespace {

constexpr std::uint64_t kFillerBytes = 65536;  // also as large as a uniform block may be

DeviceTraits traits_of(const PhysicalDevice& physical) {
  const VkPhysicalDeviceLimits& limits = physical.properties.limits;
  DeviceTraits traits;
  traits.is_cpu = physical.is_cpu();
  traits.subgroup_arithmetic = physical.subgroup_arithmetic;
  traits.subgroup_size = physical.subgroup_size;
  traits.max_lanes =
      std::min(limits.maxComputeWorkGroupInvocations, limits.maxComputeWorkGroupSize[0]);
  traits.max_shared_bytes = limits.maxComputeSharedMemorySize;
  traits.max_uniform_bytes = limits.maxUniformBufferRange;
  traits.max_groups =
      std::min({limits.maxComputeWorkGroupCount[0], limits.maxComputeWorkGroupCount[1],
                limits.maxComputeWorkGroupCount[2]});
  return traits;
}

class VulkanDevice : public Device {
 public:
  VulkanDevice(VulkanInstance& instance, PhysicalDevice physical, const DeviceOptions& options)
      : context_(instance, std::move(physical)),
        traits_(traits_of(context_.physical())),
        memory_(context_),
        kernels_(options.kernels),
        pipelines_(context_, options),
        filler_(memory_.make(kFillerBytes, BufferUse::kDevice, timeout())) {
    context_.instance().check_messages();
  }

  const DeviceInfo& info() const override { return context_.physical().info; }

  std::unique_ptr<Buffer> make_buffer(std::uint64_t bytes, BufferUse use) override {
    auto buffer = memory_.make(bytes, use, timeout());
    context_.instance().check_messages();
    return buffer;
  }

  void write(Buffer& buffer, std::uint64_t offset, std::span<const std::byte> bytes) override {
    check_range(buffer, offset, bytes.size());
    memory_.write(static_cast<VulkanBuffer&>(buffer), offset, bytes, timeout());
    context_.instance().check_messages();
  }

  void read(const Buffer& buffer, std::uint64_t offset, std::span<std::byte> bytes) override {
    check_range(buffer, offset, bytes.size());
    memory_.read(static_cast<const VulkanBuffer&>(buffer), offset, bytes, timeout());
    context_.instance().check_messages();
  }

  std::unique_ptr<Program> record(std::vector<Dispatch> dispatches) override {
    std::vector<Step> steps;
    steps.reserve(dispatches.size());
    for (Dispatch& dispatch : dispatches) {
      check_slices(dispatch);
      const Variant& variant = choose(dispatch);
      const Launch launch = variant.launch(traits_, dispatch);
      steps.push_back({&variant, launch, std::move(dispatch)});
    }
    auto program =
        std::make_unique<VulkanProgram>(context_, pipelines_, *filler_, std::move(steps), traits_);
    pipelines_.save();
    context_.instance().check_messages();
    return program;
  }

  void run(Program& program, std::vector<std::uint64_t>* nanoseconds) override {
    static_cast<VulkanProgram&>(program).run(timeout(), nanoseconds);
    context_.instance().check_messages();
  }

  std::string variant_of(const Dispatch& dispatch) override {
    return std::string(choose(dispatch).name);
  }

  void set_hooks(VulkanHooks hooks) {
    memory_.always_stage(hooks.stage);
    hooks_ = std::move(hooks);
  }
  const DeviceTraits& traits() const { return traits_; }

 private:
  const Variant& choose(const Dispatch& dispatch) const {
    const std::vector<const Variant*> variants = variants_for(traits_, dispatch, kernels_.get());
    if (variants.empty())
      fail(ExitCode::kUnsupported, "vulkan: {}: kernels of {}: no module is kernel {}",
           printable(dispatch.label), printable(kernels_->name), info_of(dispatch.kernel).name);
    const auto forced = std::find_if(variants.begin(), variants.end(),
                                     [&](const Variant* v) { return v->name == hooks_.variant; });
    return forced != variants.end() ? **forced : *variants.front();
  }

  static void check_range(const Buffer& buffer, std::uint64_t offset, std::uint64_t bytes) {
    if (offset > buffer.bytes() || bytes > buffer.bytes() - offset)
      fail(ExitCode::kBug, "vulkan: bytes {} to {} of a buffer of {}", offset, offset + bytes,
           bytes_text(buffer.bytes()));
  }

  void check_slices(const Dispatch& dispatch) const {
    const KernelInfo& kernel = info_of(dispatch.kernel);
    Extents bound = {};
    for (std::uint32_t i = 0; i < kernel.buffers; i++) {
      const Slice& slice = dispatch.buffers[i];
      if (slice.buffer == nullptr || slice.bytes == 0) continue;
      check_range(*slice.buffer, slice.offset, slice.bytes);
      bound[i] = slice.bytes;
      if (slice.offset % info().slice_alignment != 0)
        fail(ExitCode::kBug, "vulkan: {}: buffer {} begins at byte {}, no multiple of {}",
             printable(dispatch.label), i, slice.offset, info().slice_alignment);
      if (slice.bytes > info().max_binding_bytes)
        fail(ExitCode::kUnsupported, "vulkan: {}: buffer {} has {}, \"{}\" binds {} at most",
             printable(dispatch.label), i, bytes_text(slice.bytes), info().name,
             bytes_text(info().max_binding_bytes));
    }
    check_dispatch(dispatch.kernel, dispatch.words, bound, dispatch.label.c_str());
  }

  VulkanContext context_;
  DeviceTraits traits_;
  Memory memory_;
  std::shared_ptr<const KernelModules> kernels_;  // null: the program's own
  Pipelines pipelines_;
  std::unique_ptr<VulkanBuffer> filler_;
  VulkanHooks hooks_;
};

// With the kernels chosen for it.
std::unique_ptr<Device> make_device(VulkanInstance& instance, PhysicalDevice physical,
                                    const DeviceOptions& options) {
  const DeviceOptions chosen = with_chosen_kernels(options, physical.info);
  if (chosen.kernels != nullptr) physical.info.kernels = chosen.kernels->name;
  return std::make_unique<VulkanDevice>(instance, std::move(physical), chosen);
}

// Smaller is better.
int rank_of(const PhysicalDevice& device) {
  switch (device.properties.deviceType) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
      return 0;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
      return 1;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return 3;
    default:
      return 2;
  }
}

}  // namespace

std::unique_ptr<Device> open_vulkan(std::optional<int> number, const DeviceOptions& options) {
  VulkanInstance& instance = vulkan_instance(options.validation);
  const std::vector<VkPhysicalDevice>& handles = instance.physical_devices();
  if (handles.empty())
    fail(ExitCode::kUnsupported,
         "vulkan: no driver offers a device (Debian: mesa-vulkan-drivers, or the GPU's own)");
  if (number.has_value()) {
    const auto index = static_cast<std::size_t>(*number);
    if (index >= handles.size())
      fail(ExitCode::kUnsupported, "vulkan: there is no device {}, there are {}", *number,
           handles.size());
    return make_device(instance, describe(instance.functions(), handles[index]), options);
  }
  std::optional<PhysicalDevice> best;
  std::string reason;
  for (VkPhysicalDevice handle : handles) {
    try {
      PhysicalDevice device = describe(instance.functions(), handle);
      if (!best.has_value() || rank_of(device) < rank_of(*best)) best = std::move(device);
    } catch (const Error& error) {
      reason = error.what();
    }
  }
  if (!best.has_value()) throw Error(ExitCode::kUnsupported, reason);
  return make_device(instance, std::move(*best), options);
}

std::vector<FoundDevice> list_vulkan(std::vector<std::string>* missing) {
  std::vector<FoundDevice> found;
  try {
    const VulkanInstance& instance = vulkan_instance(false);
    if (instance.physical_devices().empty())
      missing->emplace_back(
          "vulkan: no driver offers a device (Debian: mesa-vulkan-drivers, or the GPU's own)");
    for (std::size_t i = 0; i < instance.physical_devices().size(); i++) {
      try {
        PhysicalDevice device = describe(instance.functions(), instance.physical_devices()[i]);
        found.push_back({fmt::format("vulkan:{}", i), std::move(device.info)});
      } catch (const Error& error) {
        missing->emplace_back(error.what());
      }
    }
  } catch (const Error& error) {
    missing->emplace_back(error.what());
  }
  return found;
}

void set_vulkan_hooks(Device& device, VulkanHooks hooks) {
  dynamic_cast<VulkanDevice&>(device).set_hooks(std::move(hooks));
}

std::vector<std::string> vulkan_variants(Device& device, const Dispatch& dispatch) {
  std::vector<std::string> names;
  for (const Variant* variant :
       variants_for(dynamic_cast<VulkanDevice&>(device).traits(), dispatch))
    names.emplace_back(variant->name);
  return names;
}

std::size_t vulkan_barriers(const Program& program) {
  return dynamic_cast<const VulkanProgram&>(program).barriers();
}

}  // namespace mlc
