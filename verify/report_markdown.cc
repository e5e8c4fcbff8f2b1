#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/units.h"
#include "verify/report.h"

namespace mlc {
namespace {

// The log of a CI job is read from the top; the JSON report has all of them.
constexpr std::size_t kMostFindings = 50;

// Text from a file as code in a cell of a table: a fence longer than any run of backticks in it.
// A cell's "|" is escaped before anything else is read, so that "\|" of the text itself could not
// be written as code: then (and only then) each mark is escaped on its own.
std::string cell(std::string_view text) {
  std::string shown = printable(text, 400);
  if (shown.empty()) return {};
  if (shown.find('\\') != std::string::npos) {
    std::string escaped;
    for (char c : shown) {
      if (std::string_view("\\`*_{}[]<>()#+-.!|~&$@:").find(c) != std::string_view::npos)
        escaped += '\\';
      escaped += c;
    }
    return escaped;
  }
  std::size_t longest = 0, run = 0;
  std::string escaped;
  for (char c : shown) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  std::string fence(longest + 1, '`');
  // The space is taken off again when the text is shown.
  std::string_view space = longest > 0 ? " " : "";
  return fmt::format("{}{}{}{}{}", fence, space, escaped, space, fence);
}

std::string row(std::string_view name, const std::string& text) {
  return fmt::format("| {} | {} |\n", name, text);
}

std::string divergence_rows(const Divergence& d) {
  std::string text = d.nonfinite_positions == 0
                         ? std::string()
                         : fmt::format("| further positions, with NaN or infinity | {} |\n",
                                       d.nonfinite_positions);
  if (d.positions == 0) return text;
  text += fmt::format(
      "| KL divergence in nats, mean | {:.3e} |\n| 99 % | {:.3e} |\n| largest | {:.3e} |\n"
      "| same first choice | {:.2f} % |\n| largest difference of a logit | {:.3e} of {:.3g} |\n"
      "| mean difference of a logit | {:.3e} |\n",
      d.kl_mean, d.kl_99, d.kl_max, 100 * d.top1, d.max_logit_error, d.logit_range,
      d.mean_logit_error);
  if (d.perplexity_positions > 0)
    text += fmt::format(
        "| perplexity, of {} tokens | {:.4f} against {:.4f} |\n"
        "| ratio of the perplexities | {:.5f} ± {:.5f} |\n",
        d.perplexity_positions, d.perplexity, d.perplexity_reference, d.perplexity_ratio,
        d.perplexity_ratio_error);
  return text;
}

std::string divergence_table(const std::string& title, const Divergence& d) {
  return fmt::format("\n| {} | {} positions |\n| --- | --- |\n", title, d.positions) +
         divergence_rows(d);
}

std::string weights_text(const WeightsResult& weights) {
  std::string text = fmt::format("{} params, {}", weights.params.size(), bytes_text(weights.bytes));
  if (weights.compared)
    text +=
        fmt::format("; relative MSE {:.3e}, SNR {:.2f} dB", weights.relative_mse, weights.snr_db);
  if (!weights.rule.empty() || !weights.fitting.empty())
    text += fmt::format("; made with {}",
                        weights.fitting.empty() ? "none of the known rules" : weights.fitting);
  return text;
}

std::string kernels_text(const KernelsResult& kernels) {
  std::uint64_t cases = 0, wrong = 0;
  for (const KernelNumbers& kernel : kernels.kernels) {
    cases += kernel.cases;
    wrong += kernel.wrong_cases;
  }
  return fmt::format("{} versions, {} cases, {} of them wrong; {} {}", kernels.kernels.size(),
                     cases, wrong, cell(kernels.device), cell(kernels.device_name));
}

std::string levels_table(const VerifyReport& r) {
  std::string text = "\n| level | |\n| --- | --- |\n";
  if (r.package)
    text += row("package", fmt::format("{}, {} blobs", r.package->digest, r.package->blobs));
  if (r.signature) text += row("signature", signature_text(r));
  if (r.files)
    text += row("files", fmt::format("{} files, {}", r.files->files, bytes_text(r.files->bytes)));
  if (r.params)
    text += row("params", fmt::format("{} of {} params; {} {}, template {}", r.params->records,
                                      r.params->expected, cell(r.params->model_type),
                                      cell(r.params->quantization), cell(r.params->conv_template)));
  if (r.weights) text += row("weights", weights_text(*r.weights));
  if (r.kernels) text += row("kernels", kernels_text(*r.kernels));
  if (r.model_run)
    text += row("model", fmt::format("{} on {}, against {}", cell(r.model_run->text),
                                     cell(r.model_run->device), printable(r.model_run->reference)));
  if (r.reference)
    text += row("reference",
                fmt::format("{} prompts, {} positions, {} parts on {}; logits within {:.3e} of "
                            "their range",
                            r.reference->prompts, r.reference->positions, r.reference->layers,
                            cell(r.reference->device), r.reference->max_logit_share));
  for (const auto& [level, reason] : r.skipped)
    text += row(name_of(level), fmt::format("skipped: {}", cell(reason)));
  return text;
}

std::string findings_table(const Findings& findings) {
  if (findings.all().empty()) return "\nNo findings.\n";
  std::string text =
      "\n| finding | where | what | found | expected | to do |\n"
      "| --- | --- | --- | --- | --- | --- |\n";
  std::size_t shown = std::min(kMostFindings, findings.all().size());
  for (std::size_t i = 0; i < shown; i++) {
    const Finding& finding = findings.all()[i];
    text +=
        fmt::format("| {} **{}** {} | {} | {} | {} | {} | {} |\n", name_of(finding.rule->severity),
                    finding.rule->id, finding.rule->name, cell(finding.where), finding.rule->what,
                    cell(finding.found), cell(finding.expected), finding.rule->to_do);
  }
  std::size_t left = findings.all().size() - shown + findings.dropped();
  if (left > 0) text += fmt::format("\nAnd {} more.\n", left);
  return text;
}

}  // namespace

std::string report_markdown(const VerifyReport& report) {
  std::string text =
      fmt::format("## mlc verify: {}\n\n{}", verdict_text(report), cell(report.model));
  if (!report.source.empty()) text += fmt::format(" made from {}", cell(report.source));
  text += '\n';
  text += levels_table(report);
  if (report.model_run) {
    text += divergence_table("device against reference", report.model_run->device_error);
    if (report.model_run->quantization_error)
      text += divergence_table("model against source", *report.model_run->quantization_error);
  }
  return text + findings_table(report.findings);
}

}  // namespace mlc
