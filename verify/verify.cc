#include "verify/verify.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/parallel.h"
#include "verify/levels.h"
#include "verify/reference.h"

namespace mlc {

std::string_view name_of(Level level) {
  constexpr std::array<std::string_view, kLevels> kNames = {"files", "params", "weights", "kernels",
                                                            "model"};
  return kNames[static_cast<std::size_t>(level)];
}

namespace {

bool wants(const VerifyOptions& options, Level level) {
  return std::find(options.levels.begin(), options.levels.end(), level) != options.levels.end();
}

}  // namespace

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
  VerifyOptions used = options;
  std::optional<Reference> reference;
  if (options.use_reference) reference = read_model_reference(options, report);
  if (reference) used.sha256.merge(known_sha256(*reference));
  std::string broken;
  for (const LevelRow& row : levels()) {
    if (!wants(options, row.level)) continue;
    throw_if_cancelled();
    if (!broken.empty() && row.needs_shards) {
      report.skipped.emplace_back(row.level, broken);
      reporter.note(fmt::format("{} skipped: {}", row.name, broken));
      continue;
    }
    std::string reason = row.run(used, report, reporter);
    report.ran.push_back(row.level);
    if (broken.empty()) broken = reason;
  }
  // Its hashes are compared by the level files; what it computed needs a model that runs.
  if (reference && broken.empty() && wants(options, Level::kModel))
    check_reference(*reference, options, report, reporter);
  report.findings.order();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace mlc
