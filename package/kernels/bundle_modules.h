// Bundles within layouts: which manifest is one, what it holds, and its modules as bytes.
#pragma once

#include <memory>
#include <string>

#include "package/kernels/bundle.h"
#include "package/kernels/bundle_config.h"

namespace mlc {

// The manifest with this tag; with an empty tag the only bundle of the layout. Of a model, the
// bundle that it is bound to. Error(kUsage): there is none, or several.
Descriptor find_kernel_bundle(const Layout& layout, const std::string& tag);

bool is_kernel_bundle(const Manifest& manifest);

// Reads and checks the config; every file has to be a layer of the manifest.
std::shared_ptr<const KernelBundle> read_kernel_bundle(const Layout& layout,
                                                       const Descriptor& descriptor);

// The bytes of a file of the bundle, of its digest.
std::string read_module(const Layout& layout, const KernelVariant& variant, const KernelFile& file);

// That the bundle's kernels are called as this program calls them. Error(kUnsupported): another
// major version; kBadInput: the same, and yet other kernels.
void check_abi(const KernelBundle& bundle);

}  // namespace mlc
