// The sections of verify's page, each its own file; empty where the report has nothing for it.
#pragma once

#include <string>

#include "verify/verify.h"

namespace mlc {

std::string html_summary(const VerifyReport& report);    // verdict, numbers at a glance
std::string html_findings(const VerifyReport& report);   // the table
std::string html_weights(const VerifyReport& report);    // the map of errors, the worst params
std::string html_codes(const VerifyReport& report);      // histograms
std::string html_kernels(const VerifyReport& report);    // bandwidth beside the copy's
std::string html_model(const VerifyReport& report);      // KL over positions
std::string html_reference(const VerifyReport& report);  // checksums of layers against stored ones
std::string html_levels(const VerifyReport& report);     // what ran, and by which bounds

}  // namespace mlc
