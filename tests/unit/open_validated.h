// The Vulkan device that tests use.
#pragma once

#include <cstdio>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "runtime-min/vulkan/vulkan_device.h"

namespace mlc {

// With the validation layer where that is installed. Null, with a line that says why, where there
// is no Vulkan.
inline std::unique_ptr<Device> open_validated(DeviceOptions options = {}) {
  options.validation = true;
  try {
    return open_vulkan(std::nullopt, options);
  } catch (const Error& error) {
    if (std::string_view(error.what()).find("validation was asked for") == std::string_view::npos) {
      std::printf("skipped: %s\n", error.what());
      return nullptr;
    }
  }
  std::printf("no validation layer: its messages are not tested\n");
  options.validation = false;
  return open_vulkan(std::nullopt, options);
}

}  // namespace mlc
