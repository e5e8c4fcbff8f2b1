// The front door of deliver/: a list of models becomes model folders, checked, packaged and pushed,
// as far as the log lacks them. docs/formats.md, "Delivery".
//
//   OUT/<model_id>-<quantization>-MLC/   the model folder
//   OUT/packages/                        with a registry: a layout with all packages
//
// One failed delivery does not stop the others, and is never published. The log is written after
// each one that succeeded, as a whole: a run that was killed goes on where it stopped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/reporter.h"
#include "deliver/delivery_plan.h"
#include "package/registry/registry.h"

namespace mlc {

struct DeliverOptions {
  std::string spec;
  std::string username;
  std::string output;
  std::string log = "model-delivered-log.json";
  // "oci://host/{model_id}", perhaps with ":TAG"; empty: model folders only. Names are put in in
  // lower case, since registries take no other, and the tag is {quantization} if there is none.
  std::string registry;
  RegistryOptions transfer;
  std::string kernels;   // of the packages: PackageOptions::kernels
  std::string sign_key;  // of the packages
  std::string version = "0.1.0";
  std::string hf_local_dir;  // NAME of HF://owner/NAME is looked for in it before the hub's cache
  unsigned threads = 0;
  std::uint64_t max_memory = std::uint64_t{256} << 20;
};

struct DeliveryResult {
  Delivery delivery;
  std::string folder;
  ExitCode code = ExitCode::kDone;  // of a failed one
  std::string error;                // why it failed; empty: it did not
  std::string reference;            // where it was pushed
  Digest manifest;                  // of the package
  std::string upload;               // the command that uploads the folder to its destination
  double seconds = 0;
};

// All deliveries of the list, and what of them is to be done. Reads the spec and the log only.
std::vector<Delivery> plan_delivery(const DeliverOptions& options, Reporter& reporter);

// Does it. What the log has already is not in the result. Error for what concerns all of them:
// OUT or the log can't be written, two runs in one OUT.
std::vector<DeliveryResult> deliver(const DeliverOptions& options,
                                    const std::vector<Delivery>& plan, Reporter& reporter);

// "context_window_size=4096, prefill_chunk_size=128"; empty for none.
std::string overrides_text(const DeliveryOverrides& overrides);

}  // namespace mlc
