// The devices of all OpenCL platforms of this machine, and what they can do.
#pragma once

#include <string>
#include <vector>

#include "runtime-min/device.h"
#include "runtime-min/opencl/api.h"

namespace mlc {

struct OpenClDeviceEntry {
  cl_platform_id platform = nullptr;
  cl_device_id id = nullptr;
  DeviceInfo info;
  std::string identity;  // of device and driver, for keys of caches
  std::size_t max_group = 0;
  std::uint64_t local_bytes = 0;
  std::string options;  // of every compilation
};

// Those that can run our kernels, numbered over all platforms in the order of the library. Reasons
// against the others go to `missing`, one each.
std::vector<OpenClDeviceEntry> opencl_devices(std::vector<std::string>* missing);

}  // namespace mlc
