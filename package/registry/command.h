// What the commands that talk to registries share.
#pragma once

#include "base/json.h"
#include "package/registry/pull_checks.h"
#include "package/registry/reference.h"
#include "package/registry/registry.h"

namespace CLI {
class App;
}  // namespace CLI

namespace mlc {

// --allow-token-host and --ca-file.
void add_registry_options(CLI::App& app, RegistryOptions& options);
Json transfer_json(const TransferSummary& summary);

}  // namespace mlc
