#include "package/app/kernel_folder.h"

#include <array>

#include "package/kernels/bundle.h"
#include "package/oci/layout.h"

namespace mlc {

std::string add_kernel_folder(StagedFolder& staged) {
  const std::string folder = staged.add_folder("lib/kernels", false);
  Descriptor manifest;
  {
    LayoutWriter layout(folder);
    manifest = add_kernel_bundle(layout, MLC_VERSION);
    const std::array entries = {LayoutWriter::Entry{manifest, "kernels-" MLC_VERSION}};
    layout.commit(entries);
  }
  staged.count_files("lib/kernels");
  return manifest.digest.text();
}

}  // namespace mlc
