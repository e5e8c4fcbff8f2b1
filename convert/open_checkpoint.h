// The two halves of open_checkpoint (convert/source.h): which files a source consists of, and the
// reader that they need.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convert/source.h"
#include "convert/source_folder.h"

namespace mlc {

enum class SourceKind : std::uint8_t { kSafetensors, kTorch, kGguf, kNpz };

std::string_view name_of(SourceKind kind);  // "safetensors"

struct FoundSource {
  SourceKind kind = SourceKind::kSafetensors;
  std::shared_ptr<const SourceFolder> folder;
  std::vector<std::string> files;  // in order; of a split GGUF model any one
  std::string index;               // the index that names the files, instead of them
  std::vector<std::string> warnings;
};

// The weights of a folder in the order of preference of open_checkpoint; nullopt if there are none
// of this format.
std::optional<FoundSource> find_weights(const std::shared_ptr<const SourceFolder>& folder,
                                        std::string_view format);
// The same; Error(kUnsupported) or (kBadInput) if there are none.
FoundSource find_source(const std::shared_ptr<const SourceFolder>& folder, std::string_view format);
// One file of it, told by the end of its name. Error(kUnsupported) for weights of another format,
// kBadInput for what is no weights.
FoundSource source_of_file(const std::shared_ptr<const SourceFolder>& folder,
                           const std::string& name);

// Reads the headers.
Checkpoint open_found(const FoundSource& found);

}  // namespace mlc
