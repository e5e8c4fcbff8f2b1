// One page that needs nothing else: no script, no font, no picture from anywhere. The policy in its
// head makes browsers hold it to that, whatever text a model's files bring in.
#include <fmt/format.h>

#include "verify/html_parts.h"
#include "verify/html_style.h"
#include "verify/html_text.h"
#include "verify/report.h"

namespace mlc {

std::string report_html(const VerifyReport& report) {
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; img-src data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n"
      "<title>mlc verify: {}: {}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
      html_text(report.model, 200), verdict_text(report), html_style());
  page += html_summary(report);
  page += html_findings(report);
  page += html_model(report);
  page += html_reference(report);
  page += html_weights(report);
  page += html_codes(report);
  page += html_kernels(report);
  page += html_levels(report);
  page += fmt::format(
      "<footer>mlc {}. The numbers are in this page as JSON too: docs/formats.md, “Verify report”."
      "</footer>\n</main>\n"
      "<script type=\"application/json\" id=\"report\">{}</script>\n</body>\n</html>\n",
      html_text(report.version), script_json(report_json(report)));
  return page;
}

}  // namespace mlc
