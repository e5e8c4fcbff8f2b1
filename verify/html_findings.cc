// What is wrong, and what was looked at.
#include <fmt/format.h>

#include "base/units.h"
#include "verify/html_parts.h"
#include "verify/html_text.h"
#include "verify/report.h"

namespace mlc {
namespace {

// A sign beside the colour.
std::string_view sign(Severity severity) {
  return severity == Severity::kError ? "✕" : severity == Severity::kWarning ? "▲" : "●";
}

std::string code(std::string_view text) {
  return text.empty() ? "" : fmt::format("<code>{}</code>", html_text(text));
}

std::string tile(std::string_view name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, html_text(value));
}

std::string divergence_tiles(std::string_view of, const Divergence& d) {
  if (d.positions == 0)
    return tile(fmt::format("{}: logits", of), d.nonfinite_positions == 0 ? "none" : "not finite");
  return tile(fmt::format("{}: mean KL", of), number_text(d.kl_mean) + " nats") +
         tile(fmt::format("{}: same first choice", of), percent_text(d.top1));
}

std::string tiles(const VerifyReport& r) {
  std::string text;
  if (r.weights && r.weights->compared)
    text +=
        tile("SNR of the quantized weights", fmt::format("{} dB", number_text(r.weights->snr_db)));
  if (r.kernels) {
    std::uint64_t cases = 0, wrong = 0;
    for (const KernelNumbers& kernel : r.kernels->kernels) {
      cases += kernel.cases;
      wrong += kernel.wrong_cases;
    }
    text += tile("Kernel cases that are wrong", fmt::format("{} of {}", wrong, cases));
  }
  if (r.model_run) {
    text += divergence_tiles("Device", r.model_run->device_error);
    if (r.model_run->quantization_error) {
      const Divergence& d = *r.model_run->quantization_error;
      text += divergence_tiles("Quantization", d);
      if (d.perplexity_positions > 0)
        text += tile("Perplexity, against its source's",
                     fmt::format("{:.4g}, {:.4g}", d.perplexity, d.perplexity_reference));
    }
  }
  return text.empty() ? "" : fmt::format("<dl class=\"tiles\">{}</dl>\n", text);
}

std::string finding_row(const Finding& finding) {
  const FindingRule& rule = *finding.rule;
  return fmt::format(
      "<tr class=\"finding\"><td><span class=\"tag {0}\">{1} {0}</span></td>"
      "<td><strong>{2}</strong> <br>{3}</td><td class=\"w\">{4}<br>{5}</td>"
      "<td data-name=\"found\">{6}</td><td data-name=\"expected\">{7}</td>"
      "<td class=\"w\" data-name=\"to do\">{8}</td></tr>\n",
      name_of(rule.severity), sign(rule.severity), html_text(rule.id), html_text(rule.name),
      html_text(rule.what), code(finding.where), code(finding.found), code(finding.expected),
      html_text(rule.to_do));
}

std::string levels_rows(const VerifyReport& r) {
  std::string text;
  auto row = [&](std::string_view name, const std::string& what) {
    text += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", name, what);
  };
  if (r.package)
    row("package", fmt::format("{}; {} blobs, {} hashed", html_text(r.package->digest),
                               r.package->blobs, bytes_text(r.package->bytes)));
  if (r.signature) row("signature", "holds for " + html_text(signature_text(r)));
  if (r.files)
    row("files",
        fmt::format("{} files, of which {} shards; {} hashed in {}", r.files->files,
                    r.files->shards, bytes_text(r.files->bytes), duration_text(r.files->seconds)));
  if (r.params)
    row("params", fmt::format("{} of {} params; {} {}; template {}; {} ids in the tokenizer, {} "
                              "rows in the embedding",
                              r.params->records, r.params->expected, code(r.params->model_type),
                              code(r.params->quantization), code(r.params->conv_template),
                              r.params->tokenizer_size, r.params->vocab_size));
  if (r.weights)
    row("weights", fmt::format("{} params; {} in {}", r.weights->params.size(),
                               bytes_text(r.weights->bytes), duration_text(r.weights->seconds)));
  if (r.kernels)
    row("kernels", fmt::format("{} versions on {}, in {}", r.kernels->kernels.size(),
                               code(r.kernels->device), duration_text(r.kernels->seconds)));
  if (r.model_run)
    row("model", fmt::format("{} on {} against {}, in {}", html_text(r.model_run->text),
                             code(r.model_run->device), html_text(r.model_run->reference),
                             duration_text(r.model_run->seconds)));
  if (r.reference)
    row("reference",
        fmt::format("{} prompts, {} positions; logits within {}", r.reference->prompts,
                    r.reference->positions, number_text(r.reference->max_logit_error)));
  for (const auto& [level, reason] : r.skipped)
    row(name_of(level), "did not run: " + html_text(reason));
  return text;
}

}  // namespace

std::string html_summary(const VerifyReport& report) {
  bool wrong = report.findings.count(Severity::kError) > 0;
  return fmt::format(
             "<header>\n<h1>mlc verify: <span class=\"verdict {}\">{} "
             "{}</span></h1>\n<p>{}{}</p>\n",
             wrong ? "bad" : "good", wrong ? "✕" : "✓", verdict_text(report), code(report.model),
             report.source.empty() ? "" : ", made from " + code(report.source)) +
         tiles(report) + "</header>\n";
}

std::string html_findings(const VerifyReport& report) {
  std::string text = "<section id=\"findings\">\n<h2>Findings</h2>\n";
  if (report.findings.all().empty()) return text + "<p>None.</p>\n</section>\n";
  text +=
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Findings\">"
      "<table class=\"findings stack\"><thead><tr><th scope=\"col\">severity</th>"
      "<th scope=\"col\">finding</th><th scope=\"col\">what and where</th>"
      "<th scope=\"col\">found</th><th scope=\"col\">expected</th><th scope=\"col\">to do</th></tr>"
      "</thead><tbody>\n";
  for (const Finding& finding : report.findings.all())
    text += finding_row(finding);
  text += "</tbody></table></div>\n";
  if (report.findings.dropped() > 0)
    text += fmt::format("<p>And {} more of the same kinds.</p>\n", report.findings.dropped());
  return text + "</section>\n";
}

std::string html_levels(const VerifyReport& report) {
  std::string rows = levels_rows(report);
  std::string bounds;
  for (const ThresholdRow& row : threshold_rows())
    bounds += fmt::format(
        "<tr><th scope=\"row\"><code>{}</code></th><td class=\"n\">{} {}</td><td>{}</td></tr>\n",
        html_text(row.name), row.at_least ? "at least" : "at most",
        number_text(report.thresholds[row.threshold]), html_text(row.explains));
  auto table = [](const std::string& body) {
    return fmt::format(
        "<div class=\"scroll\"><table class=\"stack\"><tbody>{}</tbody></table></div>\n", body);
  };
  return fmt::format(
      "<section id=\"levels\">\n<h2>What was checked</h2>\n{}<h3>Bounds</h3>\n{}</section>\n",
      rows.empty() ? "<p>Nothing.</p>\n" : table(rows), table(bounds));
}

}  // namespace mlc
