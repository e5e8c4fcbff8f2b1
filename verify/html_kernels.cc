// Each kernel's bandwidth beside that of a plain copy, the most that memory gives.
#include <algorithm>

#include <fmt/format.h>

#include "base/units.h"
#include "verify/html_chart.h"
#include "verify/html_parts.h"
#include "verify/html_text.h"

namespace mlc {
namespace {

double rate_of(const KernelNumbers& kernel) {
  return kernel.nanoseconds == 0
             ? 0
             : static_cast<double>(kernel.bytes) * 1e9 / static_cast<double>(kernel.nanoseconds);
}

// A kernel whose data lie in a cache beats a copy through memory by far. Beyond twice the copy, all
// bars are of one length, or the others could not be told apart.
constexpr double kMostCopies = 2;

std::string rate_row(const std::string& name, double rate, double most, double copy,
                     std::string_view css) {
  std::string title = fmt::format("{}: {}{}", name, rate_text(rate),
                                  copy > 0 ? ", " + percent_text(rate / copy) + " of a copy" : "");
  std::string marks = rect_mark(0, 1, 7, 2, "back", title);
  marks += rect_mark(0, std::min(1.0, rate / most), 1, 14, css, title);
  if (copy > 0)
    marks +=
        fmt::format("<line class=\"mean\" x1=\"{0:.2f}%\" x2=\"{0:.2f}%\" y1=\"-3\" y2=\"19\"/>",
                    100 * copy / most);
  return chart_row(fmt::format("<code>{}</code>", html_text(name)), row_svg(16, title, marks),
                   html_text((rate > most ? "» " : "") + rate_text(rate)));
}

std::string bandwidth(const KernelsResult& kernels) {
  double copy = std::max(0.0, kernels.copy_bytes_per_second), most = copy;
  bool any = false;
  for (const KernelNumbers& kernel : kernels.kernels) {
    most = std::max(most, rate_of(kernel));
    any = any || kernel.nanoseconds > 0;
  }
  if (!any || most <= 0) return {};
  bool beyond = copy > 0 && most > kMostCopies * copy;
  if (beyond) most = kMostCopies * copy;
  std::string text = fmt::format(
      "<h3>Bandwidth</h3>\n<p class=\"soft\">Bytes that a kernel has to read and write, per "
      "second. "
      "The line across is what a plain copy reaches.{}</p>\n",
      beyond ? " Bars end at twice that; beyond it (») the data lay in a cache." : "");
  if (copy > 0) text += rate_row("copy", copy, most, copy, "bar copy");
  for (const KernelNumbers& kernel : kernels.kernels)
    if (kernel.nanoseconds > 0)
      text += kernel.wrong_cases > 0
                  ? rate_row("✕ " + kernel.variant, rate_of(kernel), most, copy, "rate bar wrong")
                  : rate_row(kernel.variant, rate_of(kernel), most, copy, "rate bar");
  return text;
}

std::string kernel_row(const KernelNumbers& kernel) {
  bool wrong = kernel.wrong_cases > 0;
  std::string first =
      wrong ? fmt::format("<br><code>{}</code>", html_text(kernel.first_wrong)) : "";
  return fmt::format(
      "<tr class=\"kernel\"><th scope=\"row\"><code>{}</code></th><td>{}{}</td>"
      "<td class=\"n\">{}</td><td class=\"n\">{}</td><td><code>{}</code></td>"
      "<td class=\"n\">{}</td></tr>\n",
      html_text(kernel.variant),
      wrong ? fmt::format("<span class=\"tag error\">✕ {} wrong</span>", kernel.wrong_cases)
            : std::string("<span class=\"tag good\">✓ right</span>"),
      first, kernel.cases, number_text(kernel.worst), html_text(kernel.worst_case),
      kernel.nanoseconds == 0
          ? ""
          : fmt::format("{:.1f} µs", static_cast<double>(kernel.nanoseconds) / 1000));
}

}  // namespace

std::string html_kernels(const VerifyReport& report) {
  if (!report.kernels) return {};
  const KernelsResult& kernels = *report.kernels;
  std::string text =
      fmt::format("<section id=\"kernels\">\n<h2>Kernels</h2>\n<p>On <code>{}</code>: {}{}{}</p>\n",
                  html_text(kernels.device), html_text(kernels.device_name),
                  kernels.driver.empty() ? "" : ", driver ", html_text(kernels.driver));
  text += bandwidth(kernels);
  text +=
      "<h3>Correctness</h3>\n<p class=\"soft\">Worst error: as a share of what the kernel's order "
      "of "
      "summation explains; above 1 is wrong.</p>\n<div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" aria-label=\"Kernels\"><table class=\"numbers\"><thead><tr>"
      "<th scope=\"col\">version of a kernel</th><th scope=\"col\">result</th>"
      "<th scope=\"col\" class=\"n\">cases</th><th scope=\"col\" class=\"n\">worst error</th>"
      "<th scope=\"col\">in case</th><th scope=\"col\" class=\"n\">time</th></tr></thead><tbody>\n";
  for (const KernelNumbers& kernel : kernels.kernels)
    text += kernel_row(kernel);
  return text + "</tbody></table></div>\n</section>\n";
}

}  // namespace mlc
