// OpenCL as a device: OpenCL C 1.2 is enough. Nothing here needs the library at link time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime-min/device.h"
#include "runtime-min/opencl/variants.h"

namespace mlc {

// The device of a number (none: the first GPU, else the first), counted over all platforms.
std::unique_ptr<Device> open_opencl(std::optional<int> number, const DeviceOptions& options);
// The same with the versions of kernels for another class of devices: so the GPU's are tested where
// there is none.
std::unique_ptr<Device> open_opencl_as(OpenClClass device_class, std::optional<int> number,
                                       const DeviceOptions& options);

std::vector<FoundDevice> list_opencl(std::vector<std::string>* missing);

}  // namespace mlc
