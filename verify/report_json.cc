#include "verify/report.h"
#include "verify/report_numbers.h"

namespace mlc {
namespace {

Json finding_json(const Finding& finding) {
  return Json::object()
      .set("id", finding.rule->id)
      .set("name", finding.rule->name)
      .set("severity", name_of(finding.rule->severity))
      .set("what", finding.rule->what)
      .set("where", finding.where)
      .set("found", finding.found)
      .set("expected", finding.expected)
      .set("to_do", finding.rule->to_do);
}

// How often each rule was broken, also beyond what is listed.
Json counts_json(const Findings& findings) {
  Json counts = Json::object();
  for (const Finding& finding : findings.all())
    counts.set(std::string(finding.rule->id), std::uint64_t{findings.count(finding.rule->id)});
  return counts;
}

Json package_json(const std::optional<PackageResult>& package) {
  if (!package) return {};
  return Json::object()
      .set("digest", package->digest)
      .set("blobs", package->blobs)
      .set("bytes", package->bytes);
}

Json signature_json(const VerifyReport& report) {
  if (!report.signature) return {};
  return Json::object()
      .set("files", report.signature->files)
      .set("key_hint", report.signature->hint.empty() ? Json() : Json(report.signature->hint))
      .set("attestations", report.signed_attestations);
}

template <class Result>
Json optional_json(const std::optional<Result>& result) {
  return result ? result_json(*result) : Json();
}

}  // namespace

Json report_json(const VerifyReport& report) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings.all())
    findings.push(finding_json(finding));
  Json ran = Json::array();
  for (Level level : report.ran)
    ran.push(name_of(level));
  Json skipped = Json::object();
  for (const auto& [level, reason] : report.skipped)
    skipped.set(std::string(name_of(level)), reason);
  Json thresholds = Json::object();
  for (const ThresholdRow& row : threshold_rows())
    thresholds.set(std::string(row.name), report.thresholds[row.threshold]);
  const Findings& found = report.findings;
  return Json::object()
      .set("schema", 1)
      .set("mlc", report.version)
      .set("model", report.model)
      .set("source", report.source.empty() ? Json() : Json(report.source))
      .set("ok", found.count(Severity::kError) == 0)
      .set("errors", std::uint64_t{found.count(Severity::kError)})
      .set("warnings", std::uint64_t{found.count(Severity::kWarning)})
      .set("notes", std::uint64_t{found.count(Severity::kNote)})
      .set("ran", std::move(ran))
      .set("skipped", std::move(skipped))
      .set("seconds", report.seconds)
      .set("thresholds", std::move(thresholds))
      .set("findings", std::move(findings))
      .set("counts", counts_json(found))
      .set("package", package_json(report.package))
      .set("signature", signature_json(report))
      .set("files", optional_json(report.files))
      .set("params", optional_json(report.params))
      .set("weights", optional_json(report.weights))
      .set("kernels", optional_json(report.kernels))
      .set("model_run", optional_json(report.model_run))
      .set("reference", optional_json(report.reference));
}

}  // namespace mlc
