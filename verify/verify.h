// The front door of verify/: whether a model folder is right, on this device, and what is at fault.
//
//   VerifyReport report = run_verify({.model = "dist/Llama-3-8B"}, reporter);
//   if (report.findings.count(Severity::kError) > 0) ...
//
// Levels go from cheap to dear: files (bytes), params (schema), weights (values), kernels (the
// device's arithmetic), model (logits). A level that can't run because an earlier one found the
// folder broken is named in `skipped` and in a finding. What is wrong with the model is a finding,
// never an exception; Error is for what keeps verify from checking: no such folder (kUsage), a
// source that can't be read (kBadInput), a device's name that is none (kUsage). Cancelled on
// Ctrl-C.
//
// Before the levels come the signature and a package's blobs (verify/signed.h); when one of them
// does not hold, no level runs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "package/sign/signature.h"
#include "runtime-min/device_arguments.h"
#include "verify/finding.h"
#include "verify/results.h"
#include "verify/thresholds.h"

namespace mlc {

enum class Level : std::uint8_t { kFile, kParam, kWeight, kKernel, kModel };
inline constexpr std::size_t kLevels = 5;

struct VerifyOptions {
  std::string model;   // folder, or a package: PKG, PKG:TAG, or a tar of one
  std::string source;  // the checkpoint it was made from; empty: none
  std::string source_format = "auto";
  std::string model_type = "auto";
  std::vector<Level> levels = {Level::kFile, Level::kParam, Level::kWeight, Level::kKernel,
                               Level::kModel};
  DeviceArguments device;
  std::string text;  // file that the model level reads besides its fixed prompts; empty: none
  // Tokens of the text, at most; 0: all.
  std::uint64_t max_tokens = 4096;
  // What the model level holds the device against: cpu-reference, cpu; auto: what is affordable.
  std::string against = "auto";
  // The numeric rule ("mlc-2026") and method ("rtn") whose bits the weights must have; empty: any.
  std::string recompute;
  std::string recompute_method = "rtn";
  // Level kernels: every case with every format, not those that the model needs.
  bool all_cases = false;
  VerifyThresholds thresholds;
  // With a key or certificates: the model has to be signed.
  SignaturePolicy signature;
  std::string signature_file;  // empty: model.sig of the folder, or what refers to the package
  // What is known of the folder's files from elsewhere: path below it, and lower-case hex.
  std::map<std::string, std::string> sha256 = {};
  // Against mlc-verify-reference.json of the folder, where it has one (verify/reference.h).
  bool use_reference = true;
  unsigned threads = 0;  // 0: all usable CPUs
  std::uint64_t max_memory = std::uint64_t{256} << 20;
};

struct VerifyReport {
  std::string model;  // the options that matter for reading it
  std::string source;
  std::string version;  // of mlc
  std::vector<Level> ran;
  std::vector<std::pair<Level, std::string>> skipped;  // and why
  Findings findings;
  VerifyThresholds thresholds;
  std::optional<PackageResult> package;
  std::optional<SignatureResult> signature;  // one that holds
  std::uint64_t signed_attestations = 0;     // likewise
  std::optional<FilesResult> files;
  std::optional<ParamsResult> params;
  std::optional<WeightsResult> weights;
  std::optional<KernelsResult> kernels;
  std::optional<ModelResult> model_run;
  std::optional<ReferenceResult> reference;
  double seconds = 0;
};

// `report` is filled as levels end, so that what was found is not lost when one fails.
void run_verify(const VerifyOptions& options, VerifyReport& report, Reporter& reporter);

std::string_view name_of(Level level);  // "files"

}  // namespace mlc
