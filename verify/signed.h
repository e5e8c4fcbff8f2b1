// Before the levels: is this model what its publisher signed, and is a package whole?
//
// The signature is checked first, on a statement of a few kilobytes; then what it says of the
// files: a package's manifest names their digests, a folder's files are hashed. Weights are read by
// a level only after all of this held.
#pragma once

#include <span>
#include <string>

#include "package/oci/layout.h"
#include "verify/verify.h"

namespace mlc {

std::span<const FindingRule> signature_rules();  // S01 to S22

// Why no level may run, or empty. Fills report.signature. Error(kBadInput) and kUnsupported for
// signatures and keys that can't be read at all.
std::string check_signed_folder(const VerifyOptions& options, VerifyReport& report,
                                Reporter& reporter);

// Likewise, for this manifest of a package: its signatures and attestations.
std::string check_signed_package(const VerifyOptions& options, const Layout& layout,
                                 const Descriptor& model, VerifyReport& report);

// Likewise: every blob of the model and of what refers to it, hashed; and the index is what its
// reader took it for. Fills report.package.
std::string check_package(const VerifyOptions& options, const Layout& layout,
                          const Descriptor& model, VerifyReport& report, Reporter& reporter);

}  // namespace mlc
