#include "verify/levels.h"

#include <array>

#include "verify/diff.h"
#include "verify/files.h"

namespace mlc {

std::span<const LevelRow> levels() {
  static const std::vector<LevelRow> kRows = {
      {Level::kFile, "files", "shards, index, JSON and tokenizer files, byte for byte",
       verify_files, false},
  };
  return kRows;
}

std::span<const std::span<const FindingRule>> finding_tables() {
  static const std::vector<std::span<const FindingRule>> kTables = {file_rules(), diff_rules()};
  return kTables;
}

}  // namespace mlc
