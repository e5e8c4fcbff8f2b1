#include "verify/report.h"

namespace mlc {
namespace {

Json finding_json(const Finding& finding) {
  return Json::object()
      .set("id", finding.rule->id)
      .set("name", finding.rule->name)
      .set("severity", name_of(finding.rule->severity))
      .set("where", finding.where)
      .set("what", finding.rule->what)
      .set("found", finding.found)
      .set("expected", finding.expected)
      .set("to_do", finding.rule->to_do);
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
  return Json::object()
      .set("schema", 1)
      .set("model", report.model)
      .set("source", report.source)
      .set("ok", report.findings.count(Severity::kError) == 0)
      .set("errors", std::uint64_t{report.findings.count(Severity::kError)})
      .set("warnings", std::uint64_t{report.findings.count(Severity::kWarning)})
      .set("ran", std::move(ran))
      .set("skipped", std::move(skipped))
      .set("findings", std::move(findings));
}

}  // namespace mlc
