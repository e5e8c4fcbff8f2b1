// Reference vectors: a model folder that was found right keeps a few numbers of what it computed
// (verify/reference_file.h), and every device can check itself against them without the source.
//
//   write_model_reference(options, report, reporter);    // mlc verify MODEL --write-reference
//   check_reference(reference, options, report, reporter);    // later, wherever MODEL goes
//
// The file's hashes are the level files' business: known_sha256() hands them over.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>

#include "verify/reference_file.h"
#include "verify/verify.h"

namespace mlc {

std::span<const FindingRule> reference_rules();

// That of options.model; nothing if there is none, or it can't be used, which is a finding.
std::optional<Reference> read_model_reference(const VerifyOptions& options, VerifyReport& report);

// By names below the folder, for VerifyOptions::sha256.
std::map<std::string, std::string> known_sha256(const Reference& reference);

// Runs the reference's prompts on `device` and fills report.reference: logits, and what each layer
// left behind. A model that can't be run is a finding.
void check_reference(const Reference& reference, Device& device, const VerifyOptions& options,
                     VerifyReport& report, Reporter& reporter);

// On the device of the options. Error(kUnsupported): there is none.
void check_reference(const Reference& reference, const VerifyOptions& options, VerifyReport& report,
                     Reporter& reporter);

// Runs the model on the CPU, hashes its files, and writes the reference into its folder, whole or
// not at all. Error(kVerify) when `report` has an error: what is known to be wrong is no reference.
void write_model_reference(const VerifyOptions& options, const VerifyReport& report,
                           Reporter& reporter);

}  // namespace mlc
