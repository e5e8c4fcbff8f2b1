// `mlc package` without a model: what MLC's iOS and Android apps are built from, out of an
// mlc-package-config.json. docs/formats.md, "App bundles".
//
//   OUT/bundle/mlc-app-config.json   which models the app has; byte for byte mlc_llm's
//   OUT/bundle/<model_id>/           the model's folder, where it is bundled
//   OUT/lib/libmodel_iphone.a        all model libraries (iphone, macabi), beside what
//                                    ios/prepare_libs.sh made
//   OUT/lib/mlc4j/                   android: the Java part, what mlc4j/prepare_libs.py made, and
//                                    mlc-app-config.json in its assets
//   OUT/lib/kernels/                 vulkan, opencl: our kernels, as a layout
//   OUT/mlc-bundle-digests.json      the SHA-256 of every file above
//
// Nothing is compiled and no script is run: what needs mlc_llm's, Apple's or Android's tools is
// taken over where it lies already, and otherwise asked for by its command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/reporter.h"
#include "package/app/package_config.h"

namespace mlc {

struct AppBundleOptions {
  std::string config = "mlc-package-config.json";
  std::string source_dir;  // of mlc-llm; needed for android's Java files. Empty: not known
  std::string output = "dist";
};

struct AppBundleSummary {
  std::string device;
  Json app_config;
  std::size_t files = 0;  // in the list of digests
  std::uint64_t bytes = 0;
  double seconds = 0;
};

// Error(kUnsupported): a tool has to run first; the message has the command. Where a model library
// is missing, nothing was written then; where it is one of the scripts, all that it needs was. The
// others: package_config.h, model_library.h, staged_folder.h.
AppBundleSummary make_app_bundle(const AppBundleOptions& options, Reporter& reporter);

}  // namespace mlc
