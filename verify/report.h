// What verify prints: the same report as text, as JSON (docs/formats.md, "Verify report"), as
// Markdown for the log of a CI job, and as one page of HTML.
#pragma once

#include <string>

#include "base/json.h"
#include "verify/verify.h"

namespace mlc {

std::string report_text(const VerifyReport& report);
Json report_json(const VerifyReport& report);

}  // namespace mlc
