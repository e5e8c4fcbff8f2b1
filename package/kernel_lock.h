// What binds a model's package to the GPU kernels that it was made for.
#pragma once

#include <string>

#include "package/oci/layout.h"

namespace mlc {

struct KernelLock {
  Descriptor manifest;  // of the bundle, in the same layout
  // Of the model's manifest: ai.mlc.kernels (the bundle's digest), ai.mlc.kernels.name,
  // ai.mlc.kernels.version, and ai.mlc.kernels.abi, the ABI versions that will do, ">=1 <2".
  Annotations annotations;
};

// Puts a bundle into the layout: the program's own ("own"), or the one of "PKG", "PKG:TAG".
// Error(kUsage): PKG holds none, or several and no tag says which.
KernelLock lock_kernels(LayoutWriter& layout, const std::string& kernels);

}  // namespace mlc
