#include "verify/verify.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/parallel.h"
#include "package/oci/layout.h"
#include "verify/levels.h"
#include "verify/package_folder.h"
#include "verify/reference.h"
#include "verify/signed.h"

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

void skip(const LevelRow& row, const std::string& reason, VerifyReport& report,
          Reporter& reporter) {
  report.skipped.emplace_back(row.level, reason);
  reporter.note(fmt::format("{} skipped: {}", row.name, reason));
}

// With a reason in `untrusted`, none.
void run_levels(const VerifyOptions& options, const std::string& untrusted, VerifyReport& report,
                Reporter& reporter) {
  VerifyOptions used = options;
  std::optional<Reference> reference;
  if (options.use_reference && untrusted.empty()) reference = read_model_reference(options, report);
  if (reference) used.sha256.merge(known_sha256(*reference));
  std::string broken;
  for (const LevelRow& row : levels()) {
    if (!wants(options, row.level)) continue;
    throw_if_cancelled();
    if (!untrusted.empty() || (!broken.empty() && row.needs_shards)) {
      skip(row, untrusted.empty() ? broken : untrusted, report, reporter);
      continue;
    }
    std::string reason = row.run(used, report, reporter);
    report.ran.push_back(row.level);
    if (broken.empty()) broken = reason;
  }
  // Its hashes are compared by the level files; what it computed needs a model that runs.
  if (reference && broken.empty() && untrusted.empty() && wants(options, Level::kModel))
    check_reference(*reference, options, report, reporter);
}

void verify_package(const LayoutPlace& place, const VerifyOptions& options, VerifyReport& report,
                    Reporter& reporter) {
  Layout layout(place.path);
  Descriptor model = layout.find(place.tag);
  Manifest manifest = layout.manifest(model);
  if (manifest.artifact_type != kModelArtifact)
    bad_input("{}: {} is no model but of type {}", printable(options.model, 1000),
              model.digest.text(), printable(manifest.artifact_type));
  std::string untrusted = check_signed_package(options, layout, model, report);
  std::string damaged = check_package(options, layout, model, report, reporter);
  if (untrusted.empty()) untrusted = damaged;
  if (!untrusted.empty()) return run_levels(options, untrusted, report, reporter);
  PackageFolder folder(layout, manifest, reporter);
  VerifyOptions used = options;
  used.model = folder.path();
  run_levels(used, untrusted, report, reporter);
}

}  // namespace

void run_verify(const VerifyOptions& options, VerifyReport& report, Reporter& reporter) {
  auto start = std::chrono::steady_clock::now();
  report.model = options.model;
  report.source = options.source;
  report.version = MLC_VERSION;
  report.thresholds = options.thresholds;
  for (const std::string* path : {&options.source, &options.text})
    if (!path->empty() && !std::filesystem::exists(*path))
      fail(ExitCode::kUsage, "{}: no such file or folder", printable(*path));
  LayoutPlace place = parse_layout_place(options.model);
  if (!std::filesystem::exists(place.path))
    fail(ExitCode::kUsage, "{}: no such file or folder", printable(options.model));
  if (is_layout(place.path)) {
    verify_package(place, options, report, reporter);
  } else {
    if (!std::filesystem::is_directory(options.model))
      fail(ExitCode::kUsage, "{}: expected the folder of a converted model, or a package",
           printable(options.model));
    std::string untrusted = check_signed_folder(options, report, reporter);
    run_levels(options, untrusted, report, reporter);
  }
  report.findings.order();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace mlc
