// What each part of the model left behind, against the checksums that the model carries.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "verify/html_chart.h"
#include "verify/html_parts.h"
#include "verify/html_text.h"

namespace mlc {
namespace {

// Twice the tolerance and beyond are one length: how wrong a part is says the number.
constexpr double kMostTolerances = 2;

std::string part_row(const ReferencePartNumbers& part) {
  bool wrong = !(part.error <= part.tolerance);
  std::string title = fmt::format("{}: {}, tolerance {}", part.label, number_text(part.error),
                                  number_text(part.tolerance));
  double share = part.error / (kMostTolerances * part.tolerance);
  double width = std::isfinite(share) ? std::clamp(share, 0.004, 1.0) : 1;
  std::string marks =
      rect_mark(0, 1, 7, 2, "back", title) +
      rect_mark(0, width, 1, 14, wrong ? "part bar wrong" : "part bar", title) +
      fmt::format("<line class=\"bound\" x1=\"{0:.2f}%\" x2=\"{0:.2f}%\" y1=\"-3\" y2=\"19\"/>",
                  100 / kMostTolerances);
  return chart_row(fmt::format("<code>{}{}</code>", wrong ? "✕ " : "", html_text(part.label)),
                   row_svg(16, title, marks),
                   html_text((share > 1 ? "» " : "") + number_text(part.error)));
}

}  // namespace

std::string html_reference(const VerifyReport& report) {
  if (!report.reference) return {};
  const ReferenceResult& r = *report.reference;
  std::string text = fmt::format(
      "<section id=\"reference\">\n<h2>Reference vectors</h2>\n<p><code>{}</code> ({}) on "
      "<code>{}</code>, {}: {} prompts, {} positions, of which {} wrong; largest difference of a "
      "logit, "
      "as a share of their range: {}.</p>\n",
      html_text(r.path), html_text(r.written_by), html_text(r.device), html_text(r.device_name),
      r.prompts, r.positions, r.wrong_positions, number_text(r.max_logit_share));
  if (r.parts.empty()) return text + "</section>\n";
  text +=
      "<h3>Checksums</h3>\n<p class=\"soft\">Error of the checksums of each part, as a share of "
      "its "
      "values' RMS; the dashed line is what rounding explains, bars end at twice that.</p>\n";
  for (const ReferencePartNumbers& part : r.parts)
    text += part_row(part);
  return text + "</section>\n";
}

}  // namespace mlc
