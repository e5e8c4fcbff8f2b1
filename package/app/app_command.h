// The part of `mlc package` that makes app bundles.
#pragma once

#include <string>

#include "base/command.h"

namespace mlc {

struct AppArguments {
  std::string config;      // empty: mlc-package-config.json
  std::string source_dir;  // empty: $MLC_LLM_SOURCE_DIR
};

// Declares --package-config and --mlc-llm-source-dir, which make no sense with `model`.
void add_app_options(CLI::App& app, AppArguments& arguments, CLI::Option& model);

// `output` may be empty: dist.
ExitCode run_app_bundle(const AppArguments& arguments, const std::string& output,
                        const CommandContext& context);

}  // namespace mlc
