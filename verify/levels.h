// The levels as rows: what each needs and the function that runs it (one file or more per level).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "verify/verify.h"

namespace mlc {

// Why the next levels can't run, or empty. Each adds to report.findings and fills its result.
using RunLevel = std::string (*)(const VerifyOptions& options, VerifyReport& report,
                                 Reporter& reporter);

struct LevelRow {
  Level level;
  std::string_view name;
  std::string_view explains;  // one line for --help
  RunLevel run;
  bool needs_shards;  // false: runs on a folder that an earlier level found broken
};

std::span<const LevelRow> levels();

// What each level may find, the rows ordered by id; each table stands beside its level.
std::span<const std::span<const FindingRule>> finding_tables();

}  // namespace mlc
