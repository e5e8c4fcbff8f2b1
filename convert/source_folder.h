// Where the files of a checkpoint lie: a folder of this machine, or one on a server
// (convert/hub.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"

namespace mlc {

class SourceFolder {
 public:
  virtual ~SourceFolder() = default;
  // As messages name it, and Checkpoint::folder.
  virtual const std::string& path() const = 0;
  // Names of the files in it, sorted. A dangling link counts: opening it tells why.
  virtual std::vector<std::string> list() const = 0;
  virtual bool holds(const std::string& name) const = 0;
  virtual std::shared_ptr<InputFile> open(const std::string& name) const = 0;

  std::string path_of(const std::string& name) const;
  std::string read_text(const std::string& name, std::uint64_t max_bytes) const;
  Json read_json(const std::string& name) const;
};

std::shared_ptr<const SourceFolder> local_folder(const std::string& path);

}  // namespace mlc
