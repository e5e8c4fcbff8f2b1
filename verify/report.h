// What verify prints: the same report as text, as JSON (docs/formats.md, "Verify report"), as
// Markdown for the log of a CI job, and as one page of HTML. Equal reports give equal bytes.
#pragma once

#include <string>

#include "base/json.h"
#include "verify/verify.h"

namespace mlc {

// For a terminal: every finding with what was found, expected and to be done, then one line that
// says whether the model is right.
std::string report_text(const VerifyReport& report);

// Every number of results.h. One that is not finite is null.
Json report_json(const VerifyReport& report);

// Tables as GitHub and GitLab show them; at most the first 50 findings.
std::string report_markdown(const VerifyReport& report);

// A page for browsers, complete in itself; the JSON report is the text of its element "report".
std::string report_html(const VerifyReport& report);

// "not right: 3 errors, 1 warning".
std::string verdict_text(const VerifyReport& report);
// "7 files, by the key 6a09..."; only of a report with a signature that holds.
std::string signature_text(const VerifyReport& report);

// What verify and diff can find at all: the rows of all levels. The JSON has the bounds too, with
// their defaults.
std::string finding_list_text();
Json finding_list_json();

}  // namespace mlc
