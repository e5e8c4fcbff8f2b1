// `mlc inspect` of packages: which models, kernel bundles and signatures a layout holds, and which
// kernels a device would get.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "package/kernels/bundle.h"
#include "package/kernels/bundle_config.h"

namespace mlc {

struct InspectedManifest {
  std::string tag;
  std::string kind;  // "model", "kernels", "signature or attestation", or the artifact type
  Descriptor descriptor;
  Manifest manifest;
  std::shared_ptr<const KernelBundle> bundle;  // of kernels
};

// A device that variants are explained for.
struct ExplainedDevice {
  std::string name;
  DeviceProfile profile;
};

struct InspectedPackage {
  std::string path;
  std::vector<InspectedManifest> manifests;  // as the index has them
  std::vector<ExplainedDevice> devices;
};

// `place` is "PKG[:TAG]". Manifests and configs are read and checked, no layer is.
InspectedPackage inspect_package(const std::string& place);

// What --explain names: a device of this machine ("vulkan:0", "opencl", "auto"), or a JSON file
// with a profile, a device or a list as `mlc devices --json` prints them. Error(kUnsupported) lists
// the devices that there are.
std::vector<ExplainedDevice> explained_devices(const std::string& device_or_file);

std::string package_text(const InspectedPackage& package);
Json package_json(const InspectedPackage& package);  // docs/formats.md, "Inspect"

}  // namespace mlc
