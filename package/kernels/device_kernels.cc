#include "package/kernels/device_kernels.h"

#include "base/error.h"
#include "package/kernels/bundle_modules.h"

namespace mlc {
namespace {

// What is not asked for when a device is opened, a kernel must not use.
DeviceProfile as_opened(const DeviceProfile& profile) {
  DeviceProfile opened = profile;
  if (opened.find("features") != nullptr) opened.set("features", Json::object());
  if (opened.find("api")->as_string("api") == "vulkan") opened.set("extensions", Json::array());
  return opened;
}

}  // namespace

std::shared_ptr<const KernelModules> bundle_kernels(const std::string& place,
                                                    const DeviceInfo& device) {
  if (device.profile.is_null())
    fail(ExitCode::kUnsupported, "--kernels: {} runs no kernels of bundles", device.backend);
  const LayoutPlace at = parse_layout_place(place);
  const Layout layout(at.path);
  return load_kernel_modules(layout, find_kernel_bundle(layout, at.tag), as_opened(device.profile),
                             device.backend);
}

}  // namespace mlc
