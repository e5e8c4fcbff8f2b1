// The device over Vulkan: opening and listing, and for tests the choice of variants.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-min/device.h"
#include "runtime-min/vulkan/variants.h"

namespace mlc {

// Rows of device.cc's table. Without a number: a discrete GPU before an integrated one before
// others.
std::unique_ptr<Device> open_vulkan(std::optional<int> number, const DeviceOptions& options);
std::vector<FoundDevice> list_vulkan(std::vector<std::string>* missing);

// What tests change on a device from open_vulkan.
struct VulkanHooks {
  // Taken wherever it applies, instead of the first.
  std::string variant;
  // Device buffers made from then on are copied through the staging ring, as if the host could not
  // see them.
  bool stage = false;
};
void set_vulkan_hooks(Device& device, VulkanHooks hooks);
// The names of all variants that can run the dispatch.
std::vector<std::string> vulkan_variants(Device& device, const Dispatch& dispatch);
// How many barriers stand between the dispatches of a program of such a device.
std::size_t vulkan_barriers(const Program& program);

}  // namespace mlc
