// The files of a layout, by their names within it, wherever it lies: in a folder or in a tar.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"

namespace mlc {

struct FilePart {
  std::shared_ptr<const InputFile> file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

class LayoutFiles {
 public:
  virtual ~LayoutFiles() = default;
  // None when there is no such file. Thread-safe.
  virtual std::optional<FilePart> find(const std::string& name) const = 0;
  // Its path; empty where it has none of its own.
  virtual std::string path_of(const std::string& name) const = 0;
};

std::unique_ptr<LayoutFiles> open_layout_folder(const std::string& path);
// "*.tar" and "*.tar.zst" alike, known by their first bytes (package/oci/tar.h).
std::unique_ptr<LayoutFiles> open_layout_tar(const std::string& path);
std::unique_ptr<LayoutFiles> read_layout_tar(std::shared_ptr<const InputFile> file);

}  // namespace mlc
