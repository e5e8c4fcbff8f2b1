#include <cmath>

#include "base/error.h"
#include "base/units.h"
#include "verify/report.h"

namespace mlc {
namespace {

std::string lines_of(const Finding& finding) {
  std::string text =
      fmt::format("{} {} {}: {}: {}\n", name_of(finding.rule->severity), finding.rule->id,
                  finding.rule->name, printable(finding.where, 1000), finding.rule->what);
  if (!finding.found.empty())
    text += fmt::format("    found     {}\n", printable(finding.found, 1000));
  if (!finding.expected.empty())
    text += fmt::format("    expected  {}\n", printable(finding.expected, 1000));
  if (!finding.rule->to_do.empty()) text += fmt::format("    to do     {}\n", finding.rule->to_do);
  return text;
}

std::string line(std::string_view name, const std::string& text) {
  return fmt::format("  {:<12} {}\n", name, text);
}

std::string divergence_line(const Divergence& d) {
  if (d.positions == 0)
    return fmt::format("no numbers: NaN or infinity at all {} positions", d.nonfinite_positions);
  std::string text =
      fmt::format("KL {:.2e} mean, {:.2e} largest; top-1 {:.4f}; logits {:.2e} of {:.3g}",
                  d.kl_mean, d.kl_max, d.top1, d.max_logit_error, d.logit_range);
  if (d.perplexity_positions > 0)
    text += fmt::format("; perplexity {:.4f} against {:.4f}, ratio {:.5f} +- {:.5f}", d.perplexity,
                        d.perplexity_reference, d.perplexity_ratio, d.perplexity_ratio_error);
  if (d.nonfinite_positions > 0)
    text += fmt::format("; NaN or infinity at {} further positions", d.nonfinite_positions);
  return text;
}

std::string numbers(const VerifyReport& r) {
  std::string text;
  if (r.package)
    text += line("package", fmt::format("{}; {} blobs, {} hashed", r.package->digest,
                                        r.package->blobs, bytes_text(r.package->bytes)));
  if (r.signature) text += line("signature", "holds for " + signature_text(r));
  if (r.files)
    text += line("files", fmt::format("{} files, {} hashed in {}", r.files->files,
                                      bytes_text(r.files->bytes), duration_text(r.files->seconds)));
  if (r.params)
    text += line("params", fmt::format("{} of {} records; {} {}, template {}", r.params->records,
                                       r.params->expected, r.params->model_type,
                                       r.params->quantization, printable(r.params->conv_template)));
  if (r.weights) {
    std::string values =
        fmt::format("{} params, {} in {}", r.weights->params.size(), bytes_text(r.weights->bytes),
                    duration_text(r.weights->seconds));
    if (r.weights->compared)
      values += fmt::format("; relative MSE {:.3e}, SNR {:.2f} dB", r.weights->relative_mse,
                            r.weights->snr_db);
    if (!r.weights->fitting.empty()) values += "; made with " + r.weights->fitting;
    text += line("weights", values);
  }
  if (r.kernels) {
    std::uint64_t cases = 0;
    double worst = 0;
    for (const KernelNumbers& kernel : r.kernels->kernels) {
      cases += kernel.cases;
      worst = std::fmax(worst, kernel.worst);
    }
    text += line("kernels",
                 fmt::format("{} versions, {} cases on {} ({}), worst at {:.2f} of its bound",
                             r.kernels->kernels.size(), cases, r.kernels->device,
                             printable(r.kernels->device_name), worst));
  }
  if (r.model_run) {
    text += line("model", fmt::format("{} on {}, against {}", printable(r.model_run->text),
                                      r.model_run->device, r.model_run->reference));
    text += line("  device", divergence_line(r.model_run->device_error));
    if (r.model_run->quantization_error)
      text += line("  source", divergence_line(*r.model_run->quantization_error));
  }
  if (r.reference)
    text += line("reference",
                 fmt::format("{} prompts, {} positions, {} parts on {}; logits within {:.2e} of "
                             "their range",
                             r.reference->prompts, r.reference->positions, r.reference->layers,
                             r.reference->device, r.reference->max_logit_share));
  for (const auto& [level, reason] : r.skipped)
    text += line(name_of(level), "skipped: " + reason);
  return text;
}

std::string count_text(std::size_t n, std::string_view thing) {
  return fmt::format("{} {}{}", n, thing, n == 1 ? "" : "s");
}

}  // namespace

std::string signature_text(const VerifyReport& report) {
  std::string text = fmt::format("{} files, by ", report.signature->files);
  text += report.signature->hint.empty() ? "a certificate" : "the key " + report.signature->hint;
  if (report.signed_attestations > 0)
    text += fmt::format("; {} attestations", report.signed_attestations);
  return text;
}

std::string verdict_text(const VerifyReport& report) {
  std::size_t errors = report.findings.count(Severity::kError);
  return fmt::format("{}: {}, {}", errors > 0 ? "not right" : "right", count_text(errors, "error"),
                     count_text(report.findings.count(Severity::kWarning), "warning"));
}

std::string report_text(const VerifyReport& report) {
  std::string text = fmt::format("{}\n", printable(report.model, 1000)) + numbers(report);
  for (const Finding& finding : report.findings.all())
    text += lines_of(finding);
  if (report.findings.dropped() > 0)
    text += fmt::format("and {} more findings of the same kinds\n", report.findings.dropped());
  return text + fmt::format("{} in {}\n", verdict_text(report), duration_text(report.seconds));
}

}  // namespace mlc
