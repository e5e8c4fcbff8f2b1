// Kernel bundles: the GPU kernels of a runtime as an artifact of its own, with a version, an ABI
// and variants that say what they need of a device. docs/formats.md, "Kernel bundles", has the
// schema.
//
// A bundle is a manifest of artifact type kKernelsArtifact; its config is the JSON table (media
// type kKernelsConfig), its layers are modules: SPIR-V as binaries, OpenCL C as text.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "package/digest.h"
#include "package/oci/layout.h"
#include "runtime-min/kernels/kernel_modules.h"

namespace mlc {

inline constexpr std::string_view kSpirvLayer = "application/vnd.mlc.kernel.spirv.v1";
inline constexpr std::string_view kOpenclLayer = "application/vnd.mlc.kernel.opencl-c.v1";

// What a device offers, in the names of Vulkan's profiles; `mlc devices --json` prints it. What is
// missing in it counts as not offered.
using DeviceProfile = Json;

// What was read of a bundle's config, checked.
struct KernelBundle;
std::shared_ptr<const KernelBundle> parse_kernel_bundle(std::string_view config,
                                                        const std::string& where);

struct VariantChoice {
  std::string id;                      // empty: none fits
  std::vector<std::string> explained;  // a line per variant: taken, or the requirement that fails
};
// A pure function: no clock, no files, no order of maps. Highest priority first, then the number of
// satisfied requirements, then the id.
VariantChoice select_variant(const KernelBundle& bundle, const DeviceProfile& device,
                             std::string_view api);

// The program's own kernels as a bundle in the layout, without a tag; every module is validated and
// its needs are derived from its bytes and compared with what its variant declares.
Descriptor add_kernel_bundle(LayoutWriter& layout, const std::string& version);
// The same of other modules with the same names.
Descriptor add_kernel_bundle(LayoutWriter& layout, const std::string& version,
                             const KernelModules& modules);
// Copies a bundle from another layout (checked the same way).
Descriptor copy_kernel_bundle(LayoutWriter& layout, const Layout& from,
                              const Descriptor& descriptor);

// The modules of the variant chosen for a device, read and checked, for DeviceOptions::kernels.
std::shared_ptr<const KernelModules> load_kernel_modules(const Layout& layout,
                                                         const Descriptor& manifest,
                                                         const DeviceProfile& device,
                                                         std::string_view api,
                                                         VariantChoice* choice = nullptr);

}  // namespace mlc
