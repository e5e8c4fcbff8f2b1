#include "verify/verify.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/parallel.h"
#include "verify/levels.h"

namespace mlc {

std::string_view name_of(Level level) {
  constexpr std::array<std::string_view, kLevels> kNames = {"files", "params", "weights", "kernels",
                                                            "model"};
  return kNames[static_cast<std::size_t>(level)];
}

void run_verify(const VerifyOptions& options, VerifyReport& report, Reporter& reporter) {
  auto start = std::chrono::steady_clock::now();
  report.model = options.model;
  report.source = options.source;
  report.version = MLC_VERSION;
  report.thresholds = options.thresholds;
  for (const std::string* path : {&options.model, &options.source, &options.text})
    if (!path->empty() && !std::filesystem::exists(*path))
      fail(ExitCode::kUsage, "{}: no such file or folder", printable(*path));
  if (!std::filesystem::is_directory(options.model))
    fail(ExitCode::kUsage, "{}: expected the folder of a converted model",
         printable(options.model));
  std::string broken;
  for (const LevelRow& row : levels()) {
    if (std::find(options.levels.begin(), options.levels.end(), row.level) == options.levels.end())
      continue;
    throw_if_cancelled();
    if (!broken.empty() && row.needs_shards) {
      report.skipped.emplace_back(row.level, broken);
      reporter.note(fmt::format("{} skipped: {}", row.name, broken));
      continue;
    }
    std::string reason = row.run(options, report, reporter);
    report.ran.push_back(row.level);
    if (broken.empty()) broken = reason;
  }
  report.findings.order();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace mlc
