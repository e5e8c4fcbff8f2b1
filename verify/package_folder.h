// A model of a package as a folder, for what reads folders: hard links to the blobs where the file
// system has them, else copies. It goes with the object.
#pragma once

#include <string>

#include "base/reporter.h"
#include "package/oci/layout.h"

namespace mlc {

class PackageFolder {
 public:
  // Beside the package, or in $TMPDIR where nothing can be made there. Error(kBadInput) for layers
  // whose names may not be used, kVerify for blobs that are damaged when they are copied, kIo.
  PackageFolder(const Layout& layout, const Manifest& model, Reporter& reporter);
  ~PackageFolder();
  PackageFolder(const PackageFolder&) = delete;
  PackageFolder& operator=(const PackageFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  void fill(const Layout& layout, const Manifest& model, Reporter& reporter);
  std::string path_;
};

}  // namespace mlc
