// `--kernels PKG[:TAG]`: the kernels of a bundle for a device that is being opened.
#pragma once

#include <memory>
#include <string>

#include "runtime-min/device.h"
#include "runtime-min/kernels/kernel_modules.h"

namespace mlc {

// What CommandContext::bundle_kernels is. Every module was read by its digest and checked before it
// comes back. The variant is chosen for what the runtime makes of the device: it asks for no
// optional feature but subgroups of a chosen size.
std::shared_ptr<const KernelModules> bundle_kernels(const std::string& place,
                                                    const DeviceInfo& device);

}  // namespace mlc
